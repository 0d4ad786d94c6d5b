package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
)

const playMail = `From: Immo Zilverlinde <post@zilverlinde.example>
To: Jan Van den Broeck <jan@mail.example>
Subject: Plaatsbezoek op 14 januari
Message-ID: <%s@zilverlinde.example>
X-Bode-Recipient: jan@mail.example; given=Jan; family="Van den Broeck"; mobile=+32470104715; language=nl
X-Bode-Fallback: none
X-Bode-Reference: %s
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

We komen op 14 januari om 10 uur langs.
`

// withdraw submits by SMTP, waits until the recipient is told, and withdraws.
func (p *player) withdraw(ctx context.Context) error {
	reference := "SMTP-" + rand.Text()[:8]
	if err := p.sendMail(ctx, fmt.Sprintf(playMail, rand.Text(), reference)); err != nil {
		return err
	}
	id, err := p.byReference(ctx, reference)
	if err != nil {
		return err
	}
	var m struct {
		Deliveries []struct{ ID string }
	}
	if err := p.call(ctx, http.MethodGet, "/messages/"+id, nil, &m); err != nil {
		return err
	}
	p.extra = m.Deliveries[0].ID
	if err := p.stateOf(ctx, p.extra, delivery.Notified); err != nil {
		return err
	}
	if err := p.call(ctx, http.MethodPost, "/messages/"+id+"/cancel", nil, nil); err != nil {
		return err
	}
	if err := p.stateOf(ctx, p.extra, delivery.Cancelled); err != nil {
		return err
	}
	_, err = p.mail(ctx, "jan@mail.example", func(m notifytest.Message) bool { return m.Kind == string(notify.Cancelled) })
	return err
}

var registered = regexp.MustCompile(`registered as ([0-9A-Z-]{14})`)

// sendMail submits one mail as a mail program would.
func (p *player) sendMail(ctx context.Context, text string) error {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", p.info.SMTPAddr)
	if err != nil {
		return err
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", "play", p.info.TestKey)); err != nil {
		return err
	}
	if err := c.Mail("post@zilverlinde.example", nil); err != nil {
		return err
	}
	if err := c.Rcpt("jan@mail.example", nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil {
		return err
	}
	answer, err := w.CloseWithResponse()
	if err != nil {
		return err
	}
	if !registered.MatchString(answer.StatusText) {
		return fmt.Errorf("the answer %q names no number", answer.StatusText)
	}
	return c.Quit()
}

// byReference finds the newest message with the sender's own reference.
func (p *player) byReference(ctx context.Context, reference string) (string, error) {
	var page struct {
		Data []struct{ ID, Reference string }
	}
	if err := p.call(ctx, http.MethodGet, "/messages?limit=10", nil, &page); err != nil {
		return "", err
	}
	for _, m := range page.Data {
		if m.Reference == reference {
			return m.ID, nil
		}
	}
	return "", fmt.Errorf("no message with reference %s", reference)
}
