package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	gosmtp "github.com/emersion/go-smtp"
)

// maxClear bounds everything a relay may say before TLS.
const maxClear = 64 << 10

// startTLS goes from a fresh connection in clear to one under TLS (RFC 3207
// §4) and returns the greeting, which is said only once. The SMTP client could do
// the same, but what it reads afterwards could then not be listened to. Anything
// that the relay sent ahead of the handshake could come from somebody on the way,
// and ends the connection.
func (t *Transport) startTLS(ctx context.Context, conn *guarded, note func(stage, reply string)) (*tls.Conn, string, error) {
	in := bufio.NewReader(io.LimitReader(conn, maxClear))
	text := textproto.NewReader(in)
	ask := func(stage, command string, want int) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, t.cfg.CommandTimeout)
		defer cancel()
		defer conn.during(ctx)()
		if command != "" {
			if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
				return "", err
			}
		}
		code, message, err := text.ReadResponse(want)
		var refused *textproto.Error
		if errors.As(err, &refused) {
			err = replyError(refused)
		}
		if code > 0 {
			note(stage, strconv.Itoa(code)+" "+message)
		}
		return message, err
	}
	greeting, err := ask("greeting", "", 220)
	if err != nil {
		return nil, "", err
	}
	offered, err := ask("EHLO", "EHLO "+t.cfg.Hostname, 250)
	if err != nil {
		return nil, "", err
	}
	if !offers(offered, "STARTTLS") {
		return nil, "", fmt.Errorf("%w: STARTTLS", errUnoffered)
	}
	if _, err := ask("STARTTLS", "STARTTLS", 220); err != nil {
		return nil, "", err
	}
	if in.Buffered() > 0 {
		return nil, "", fmt.Errorf("%w: nothing in clear after STARTTLS", errUnoffered)
	}
	secure := tls.Client(conn, t.tls)
	return secure, oneLine(greeting), t.shake(ctx, secure)
}

// shake finishes the handshake within the patience for one command.
func (t *Transport) shake(ctx context.Context, c *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.CommandTimeout)
	defer cancel()
	return c.HandshakeContext(ctx)
}

func offers(reply, keyword string) bool {
	for i, line := range strings.Split(reply, "\n") {
		if word, _, _ := strings.Cut(line, " "); i > 0 && strings.EqualFold(word, keyword) {
			return true
		}
	}
	return false
}

// replyError is a refusal as the SMTP client would have told it.
func replyError(e *textproto.Error) error {
	reply := &gosmtp.SMTPError{Code: e.Code, Message: e.Msg}
	code, rest, ok := strings.Cut(e.Msg, " ")
	var enhanced gosmtp.EnhancedCode
	if n, err := fmt.Sscanf(code, "%d.%d.%d", &enhanced[0], &enhanced[1], &enhanced[2]); ok && n == 3 && err == nil {
		reply.EnhancedCode, reply.Message = enhanced, rest
	}
	return reply
}
