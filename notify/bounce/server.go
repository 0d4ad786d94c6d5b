package bounce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"
)

// Server takes mail that comes back. Safe for concurrent use.
type Server struct {
	Config
	smtp *smtp.Server
	ctx  context.Context // ends when Shutdown has done what it can
	stop context.CancelFunc

	mu      sync.Mutex
	closing bool
	open    map[*conn]struct{}
	from    map[string]int    // open connections by peer
	rates   map[string]minute // mails by peer
}

// New checks cfg and returns a Server that does not listen yet. Errors: ErrConfig.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{Config: cfg, open: map[*conn]struct{}{}, from: map[string]int{}, rates: map[string]minute{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.session))
	s.smtp.Domain = cfg.Domain
	s.smtp.MaxMessageBytes = maxMessage
	s.smtp.MaxRecipients = 1 // every attempt has a return path of its own
	s.smtp.WriteTimeout = writeTime
	s.smtp.TLSConfig = cfg.TLS
	s.smtp.EnableSMTPUTF8 = true // of an address that needs it, the report does too
	s.smtp.ErrorLog = printer{cfg.Logger}
	return s, nil
}

// Serve answers the connections of l, which it closes in the end. It returns nil
// after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return l.Close()
	}
	err := s.smtp.Serve(gate{l, s})
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown ends connections that wait for a command, lets those with a mail under
// way finish it, and cuts off what is left when ctx ends: a mail without its 250
// is the peer's to bring again.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.stop()
	s.mu.Lock()
	s.closing = true
	for c := range s.open {
		c.wake()
	}
	s.mu.Unlock()
	err := s.smtp.Shutdown(ctx)
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	if err != nil {
		err = errors.Join(err, s.smtp.Close())
	}
	return err
}

// printer passes the library's words on to the log.
type printer struct{ log *slog.Logger }

func (p printer) Printf(format string, v ...any) {
	p.log.Debug("bounce: smtp", "what", fmt.Sprintf(format, v...))
}

func (p printer) Println(v ...any) {
	p.log.Debug("bounce: smtp", "what", strings.TrimSpace(fmt.Sprintln(v...)))
}
