package submission

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/emersion/go-smtp"
)

// Server takes submissions by SMTP. Safe for concurrent use.
type Server struct {
	Config
	smtp  *smtp.Server
	brake brake
	ctx   context.Context // ends when Shutdown has done what it can
	end   context.CancelFunc

	mu      sync.Mutex
	closing bool
	open    map[*conn]struct{}
	from    map[string]int // open connections by address
}

// New checks cfg and returns a Server that does not listen yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{Config: cfg, open: map[*conn]struct{}{}, from: map[string]int{}}
	s.brake = brake{now: cfg.wall, tallies: map[string]tally{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.smtp = smtp.NewServer(smtp.BackendFunc(s.session))
	s.smtp.Domain = cfg.Domain
	s.smtp.MaxMessageBytes = cfg.MaxMessage
	s.smtp.MaxRecipients = cfg.MaxRecipients
	s.smtp.MaxLineLength = maxLine
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.WriteTimeout = writeTime
	s.smtp.TLSConfig = cfg.TLS
	s.smtp.AllowInsecureAuth = cfg.TLS == nil // Serve then listens on loopback only
	s.smtp.ErrorLog = printer{cfg.Log}
	return s, nil
}

// ListenAndServe serves on Config.Addr until Shutdown.
func (s *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("submission: %w", err)
	}
	return s.Serve(l)
}

// Serve answers the connections of l, which it closes in the end. It returns
// nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if s.TLS == nil {
		a, ok := l.Addr().(*net.TCPAddr)
		if !ok || !a.IP.IsLoopback() {
			_ = l.Close()
			return errors.New("submission: without TLS it listens on loopback addresses only")
		}
	}
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if closing {
		return l.Close()
	}
	l = gate{l, s}
	if s.ImplicitTLS {
		l = tls.NewListener(l, s.TLS)
	}
	return s.smtp.Serve(l)
}

// Shutdown ends connections that wait for a command, lets those with a message
// under way finish it, and cuts off what is left when ctx ends. A message that
// was cut off before its 250 is the client's to send again.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.end()
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
	if ctx.Err() != nil {
		s.end()
		for _, c := range s.left() {
			_ = c.Close()
		}
	}
	return err
}

func (s *Server) left() (list []*conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		list = append(list, c)
	}
	return list
}

// printer turns what the protocol library prints into log lines.
type printer struct{ log *slog.Logger }

func (p printer) Printf(format string, v ...any) {
	p.log.Warn("smtp", "err", fmt.Sprintf(format, v...))
}
func (p printer) Println(v ...any) { p.log.Warn("smtp", "err", fmt.Sprint(v...)) }
