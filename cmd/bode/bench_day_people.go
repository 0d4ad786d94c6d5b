package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/smtp"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// person is a recipient of a day. All bear the name of the one citizen that the
// stand-in of the identity provider lets in; their addresses are their own. No
// number ends like those that the catcher refuses.
type person struct{ email, mobile, from string }

func dayPerson(n int) person {
	return person{fmt.Sprintf("lotte.%d@post.example", n), fmt.Sprintf("+3247%06d9", n%1_000_000),
		fmt.Sprintf("127.%d.%d.%d", 1+n/65_000%250, n/250%250, 1+n%250)}
}

func splitFraction(x float64) (whole, part float64) { return math.Floor(x), x - math.Floor(x) }

// submit sends a message by REST.
func (d *busyDay) submit(ctx context.Context, key string, to person, documents []string) error {
	_, err := d.submitAs(ctx, key, to, documents)
	return err
}

func (d *busyDay) submitAs(ctx context.Context, key string, to person, documents []string) (id string, err error) {
	body := map[string]any{"subject": "Uitnodiging tot de algemene vergadering", "body": "Beste mede-eigenaar,\n\nU bent uitgenodigd op de algemene vergadering.",
		"reference": to.email, "recipients": []any{map[string]any{"name": map[string]string{"given": cast[0].given, "family": cast[0].family},
			"email": to.email, "mobile": to.mobile, "language": "nl", "identification": map[string]string{"birth_date": cast[0].birth},
			"postal_address": map[string]any{"lines": cast[0].lines, "postcode": cast[0].postcode, "city": cast[0].city, "country": "BE"}}}}
	if len(documents) > 0 {
		body["documents"] = documents
	}
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.s.BaseURL+"/api/v1/messages", bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	r.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}, "Idempotency-Key": {fmt.Sprintf("day-%d-%s", d.run.run, to.email)}}
	resp, err := d.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("answer %s: %.200s", resp.Status, text)
	}
	var m struct{ ID string }
	return m.ID, errors.Join(err, json.Unmarshal(text, &m))
}

// submitMail sends a message by SMTP, on a connection that shows a key by itself.
func (d *busyDay) submitMail(ctx context.Context, to person) error {
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", d.s.Mails)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	if err := errors.Join(c.Mail("post@zilverlinde.example"), c.Rcpt(to.email)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "From: post@zilverlinde.example\r\nTo: %[1]s\r\nSubject: Opzegging\r\nMessage-ID: <%[3]d.%[1]s>\r\n"+
		"X-Bode-Recipient: %[1]s; given=%[4]s; family=%[5]s; mobile=%[2]s; language=nl\r\nX-Bode-Language: nl\r\nX-Bode-Fallback: none\r\n\r\n%[6]s\r\n",
		to.email, to.mobile, d.run.run, cast[0].given, cast[0].family, strings.Repeat("Hierbij zeg ik de overeenkomst op.\r\n", 30))
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // it was taken
	return nil
}

// visit is a recipient who is told and decides at once, if there is a seat.
func (d *busyDay) visit(ctx context.Context, who person, refuse bool) {
	select {
	case d.seats <- struct{}{}:
	default:
		d.steps.mu.Lock()
		d.turned++
		d.steps.mu.Unlock()
		d.mailbox.forget(who.email, who.mobile)
		return
	}
	d.players.Go(func() {
		defer func() { d.mailbox.forget(who.email, who.mobile); <-d.seats }()
		d.collect(ctx, who, refuse)
	})
}

// collect goes through the pages, and notes how long each took.
func (d *busyDay) collect(ctx context.Context, who person, refuse bool) {
	b, ok := d.arrive(ctx, who)
	switch {
	case !ok:
	case refuse:
		d.step("refused", func() error { return b.refuse(ctx) })
	default:
		_ = d.step("accepted", func() error { return b.submit(ctx, "/accept", nil) }) &&
			d.step("downloaded", func() error { return b.save(ctx, "/all", io.Discard) })
	}
}

// step notes how long a step took, and whether it succeeded.
func (d *busyDay) step(name string, do func() error) bool {
	at := time.Now()
	err := do()
	d.steps.note(name, at, err)
	return err == nil
}

// arrive is a recipient who is told, shows both codes and identifies. True: what is
// left is to decide.
func (d *busyDay) arrive(ctx context.Context, who person) (b *browser, ok bool) {
	var link string
	codes := url.Values{}
	ok = d.step("told after submission", func() error {
		m, err := d.mailbox.wait(ctx, who.email, string(notify.Announcement))
		link = linkShape.FindString(m.Text)
		return err
	}) && d.step("page of the link", func() (err error) {
		if b, err = browserFrom(who.from); err != nil {
			return err
		}
		return eventually(ctx, func() (bool, error) {
			err := b.open(ctx, link)
			if errors.Is(err, errLater) { // the mail was quicker than the record of having sent it
				d.steps.again()
				return false, nil
			}
			return err == nil, err
		})
	}) && d.step("codes asked for", func() error { return b.submit(ctx, "/codes", nil) }) &&
		d.step("both codes arrived", func() error {
			for field, to := range map[string]string{"email_code": who.email, "sms_code": who.mobile} {
				m, err := d.mailbox.wait(ctx, to, string(notify.Code))
				if err != nil {
					return err
				}
				codes.Set(field, codeShape.FindString(m.Text))
			}
			return nil
		}) && d.step("codes entered", func() error { return b.submit(ctx, "/check", codes) }) &&
		d.step("identified", func() error {
			return errors.Join(b.submit(ctx, "/identify", nil), b.submit(ctx, "/begin", url.Values{"means": {identity.MethodItsme}}),
				b.submit(ctx, "/answer", url.Values{"person": {cast[0].citizen}, "decision": {"approve"}}), b.submit(ctx, "/finish", nil))
		})
	return b, ok
}

// choosePaper goes from the page on which a recipient decides to the other ways.
func (b *browser) choosePaper(ctx context.Context) error {
	page := b.at.ResolveReference(&url.URL{Path: strings.TrimSuffix(b.at.Path, "/decide") + "/ways"})
	return errors.Join(b.open(ctx, page.String()), b.submit(ctx, "/paper", nil))
}

// refuse goes from the page on which a recipient decides to the one that asks
// whether it is meant, and means it.
func (b *browser) refuse(ctx context.Context) error {
	page := b.at.ResolveReference(&url.URL{Path: strings.TrimSuffix(b.at.Path, "/decide") + "/refuse"})
	return errors.Join(b.open(ctx, page.String()), b.submit(ctx, "/refuse", nil))
}

// browserFrom is a browser at an address of its own, because attempts are counted
// by address.
func browserFrom(address string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 30 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &browser{client: &http.Client{Jar: jar, Timeout: 2 * time.Minute, Transport: &http.Transport{DialContext: d.DialContext, IdleConnTimeout: 5 * time.Second}}}, nil
}

// submitSilent submits messages of a test account that nobody will collect.
func (d *busyDay) submitSilent(ctx context.Context) (ids []string, err error) {
	for n := range d.Silent {
		id, err := d.submitAs(ctx, d.s.TestKey, dayPerson(800_000+n), nil)
		if err != nil {
			return nil, fmt.Errorf("message for paper: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// letSilentExpire moves the test account's clock past the window and waits until
// each of its letters is with the printer.
func (d *busyDay) letSilentExpire(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	o := outsider{info: d.s.info, client: d.client}
	at := time.Now()
	if err := o.call(ctx, http.MethodPost, "/test-clock/advance", map[string]string{"by": "P20D"}, nil); err != nil {
		return err
	}
	for _, id := range ids {
		d.steps.note("on paper after the window", at, eventually(ctx, func() (bool, error) {
			var m struct {
				Deliveries []struct{ State delivery.State }
			}
			err := o.call(ctx, http.MethodGet, "/messages/"+id, nil, &m)
			return err == nil && len(m.Deliveries) == 1 && m.Deliveries[0].State == delivery.Posting, err
		}))
	}
	return nil
}
