// Package clamd asks ClamAV's daemon about malware in content on its way into the
// vault. It speaks INSTREAM of clamd(8): the content goes over the connection and
// nothing of it is kept there.
package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Config says where the daemon is. Only Addr is needed.
type Config struct {
	Addr    string        // host:port, or the path of a socket, which begins with /
	Timeout time.Duration // without any progress; default 1 minute
}

// Scanner is a daemon. Safe for concurrent use; it holds no connection between
// two scans.
type Scanner struct{ Config }

// New checks cfg. Whether the daemon answers is for [Scanner.Ping].
func New(cfg Config) (*Scanner, error) {
	if cfg.Addr == "" {
		return nil, errors.New("clamd: Config.Addr is required")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	return &Scanner{cfg}, nil
}

// chunk is how much goes at once; clamd takes more, up to its StreamMaxLength.
const chunk = 64 << 10

// maxReply bounds what the daemon says: a name and a few words.
const maxReply = 4 << 10

// Scan sends r to the daemon and returns the name of what it found, empty when it
// found nothing. Errors: delivery.ErrUnscanned, for a daemon that does not answer,
// answers something else, or takes no content of this size.
func (s *Scanner) Scan(ctx context.Context, r io.Reader) (found string, err error) {
	reply, err := s.ask(ctx, "zINSTREAM\x00", r)
	if err != nil {
		return "", fmt.Errorf("%w: %w", delivery.ErrUnscanned, err)
	}
	text, ok := strings.CutPrefix(reply, "stream: ")
	name, bad := strings.CutSuffix(text, " FOUND")
	switch {
	case ok && text == "OK":
		return "", nil
	case ok && bad && name != "":
		return name, nil
	}
	return "", fmt.Errorf("%w: clamd says %q", delivery.ErrUnscanned, reply)
}

// Ping reports whether the daemon answers.
func (s *Scanner) Ping(ctx context.Context) error {
	reply, err := s.ask(ctx, "zPING\x00", nil)
	if err == nil && reply != "PONG" {
		err = fmt.Errorf("clamd says %q", reply)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrUnscanned, err)
	}
	return nil
}

// ask sends a command, and content in chunks where there is any, and reads the
// reply.
func (s *Scanner) ask(ctx context.Context, command string, content io.Reader) (string, error) {
	network := "tcp"
	if strings.HasPrefix(s.Addr, "/") {
		network = "unix"
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.DialContext(ctx, network, s.Addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	line := patient{conn, s.Timeout}
	if _, err := io.WriteString(line, command); err != nil {
		return "", err
	}
	sending := send(line, content)
	if errors.Is(sending, errContent) {
		return "", sending
	}
	reply, err := bufio.NewReader(io.LimitReader(line, maxReply)).ReadString(0)
	if err != nil {
		return "", errors.Join(sending, err)
	}
	return strings.TrimRight(reply, "\x00\n"), nil // also when it stopped listening: it says why
}

// send writes content in chunks, each behind its length, and an empty one.
func send(to io.Writer, content io.Reader) error {
	if content == nil {
		return nil
	}
	buf := make([]byte, 4+chunk)
	for {
		n, err := io.ReadFull(content, buf[4:])
		if n > 0 {
			binary.BigEndian.PutUint32(buf, uint32(n))
			if _, err := to.Write(buf[:4+n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			_, err := to.Write(make([]byte, 4))
			return err
		case err != nil:
			return fmt.Errorf("%w: %w", errContent, err)
		}
	}
}

// errContent: the content itself could not be read.
var errContent = errors.New("clamd: content")

// patient is a connection on which each step may take its time, and no more.
type patient struct {
	net.Conn
	each time.Duration
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.each)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(p.each)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}
