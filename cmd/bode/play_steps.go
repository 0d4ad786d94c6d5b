package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
)

// submit is the sender's side of the play.
func (p *player) submit(ctx context.Context) error {
	var err error
	if p.files, err = playDocuments(); err != nil {
		return err
	}
	var ids []string
	for _, name := range []string{"opzegging.pdf", "plaatsbeschrijving.pdf"} {
		id, err := p.upload(ctx, name, "application/pdf", p.files[name])
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	var recipients []map[string]any
	for _, c := range cast {
		r := map[string]any{
			"name": map[string]string{"given": c.given, "family": c.family}, "email": c.email, "mobile": c.mobile, "language": c.language,
			"postal_address": map[string]any{"lines": c.lines, "postcode": c.postcode, "city": c.city, "country": "BE"},
		}
		if c.birth != "" {
			r["identification"] = map[string]string{"birth_date": c.birth}
		}
		recipients = append(recipients, r)
	}
	var m struct {
		ID, Number string
		Deliveries []struct{ ID, State string }
	}
	if err := p.call(ctx, http.MethodPost, "/messages", map[string]any{
		"subject": "Opzegging van de huurovereenkomst", "body": playText, "documents": ids, "recipients": recipients,
		"reference": "HUUR-2026-0117",
	}, &m); err != nil {
		return err
	}
	p.message, p.number = m.ID, m.Number
	for _, d := range m.Deliveries {
		p.delivered = append(p.delivered, d.ID)
	}
	if len(p.delivered) != len(cast) {
		return fmt.Errorf("%d deliveries, expected %d", len(p.delivered), len(cast))
	}
	return nil
}

const playText = `Geachte,

Hierbij zeg ik de huurovereenkomst op voor het appartement aan de Vlasmarkt 7
in Gent, met inachtneming van de wettelijke opzeggingstermijn van drie maanden.
De opzegging en de plaatsbeschrijving vindt u in de bijlagen.

Met vriendelijke groeten,
Immo Zilverlinde bv`

// told looks at what arrived: no mail shows content, no SMS comes without its
// language being right is for a person to judge; the language tag is checked.
func (p *player) told(ctx context.Context) error {
	for i, c := range cast {
		if c.role == "bounces" {
			continue
		}
		m, err := p.mail(ctx, c.email, announces)
		if err != nil {
			return err
		}
		for _, secret := range []string{"Opzegging", "huurovereenkomst", "opzegging.pdf"} {
			if strings.Contains(m.Subject+m.Text+m.HTML, secret) {
				return fmt.Errorf("mail to %s shows content: %q", c.email, secret)
			}
		}
		if got := m.Headers["Content-Language"]; got != c.language {
			return fmt.Errorf("mail to %s is in %q, expected %q", c.email, got, c.language)
		}
		if _, err := p.mail(ctx, c.mobile, announces); err != nil {
			return err
		}
		if err := p.state(ctx, i, delivery.Notified); err != nil {
			return err
		}
	}
	return nil
}

func announces(m notifytest.Message) bool { return m.Kind == string(notify.Announcement) }

var (
	linkShape = regexp.MustCompile(`https?://[^\s"<>]+/c/[A-Za-z0-9_-]{43}`)
	codeShape = regexp.MustCompile(`\b[0-9]{6}\b`)
)

// arrive follows the link of an announcement, enters both codes, identifies as
// a citizen and comes to the page where one decides.
func (p *player) arrive(ctx context.Context, i int) (*browser, error) {
	c := cast[i]
	m, err := p.mail(ctx, c.email, announces)
	if err != nil {
		return nil, err
	}
	link := linkShape.FindString(m.Text)
	b, err := newBrowser()
	if err != nil {
		return nil, err
	}
	if err := b.open(ctx, link); err != nil {
		return nil, err
	}
	asked := time.Now()
	if err := b.submit(ctx, "/codes", nil); err != nil {
		return nil, err
	}
	fields := url.Values{}
	for field, to := range map[string]string{"email_code": c.email, "sms_code": c.mobile} {
		m, err := p.mail(ctx, to, func(m notifytest.Message) bool {
			return m.Kind == string(notify.Code) && m.ReceivedAt.After(asked.Add(-time.Second))
		})
		if err != nil {
			return nil, err
		}
		fields.Set(field, codeShape.FindString(m.Text))
	}
	if err := b.submit(ctx, "/check", fields); err != nil {
		return nil, err
	}
	if err := b.submit(ctx, "/identify", nil); err != nil {
		return nil, err
	}
	if err := b.submit(ctx, "/begin", url.Values{"means": {identity.MethodItsme}}); err != nil { // leads to the provider
		return nil, err
	}
	if err := b.submit(ctx, "/answer", url.Values{"person": {c.citizen}, "decision": {"approve"}}); err != nil { // and back
		return nil, err
	}
	return b, b.submit(ctx, "/finish", nil)
}

// collect is the recipient who takes the message.
func (p *player) collect(ctx context.Context) error {
	b, err := p.arrive(ctx, 0)
	if err != nil {
		return err
	}
	if err := b.submit(ctx, "/accept", nil); err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := b.save(ctx, "/all", &archive); err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		return err
	}
	if want := len(p.files) + 1; len(z.File) != want {
		return fmt.Errorf("%d files in the download, expected %d", len(z.File), want)
	}
	for name, want := range p.files {
		f, err := z.Open(name)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("%s came out different: %w", name, err)
		}
	}
	return p.state(ctx, 0, delivery.HandedOver)
}

// refuse is the recipient who does not want it.
func (p *player) refuse(ctx context.Context) error {
	b, err := p.arrive(ctx, 1)
	if err != nil {
		return err
	}
	if strings.Contains(b.text(), "huurovereenkomst") {
		return fmt.Errorf("content is shown before the decision")
	}
	if err := b.open(ctx, b.at.ResolveReference(&url.URL{Path: strings.TrimSuffix(b.at.Path, "/decide") + "/refuse"}).String()); err != nil {
		return err
	}
	if err := b.submit(ctx, "/refuse", nil); err != nil {
		return err
	}
	return p.state(ctx, 1, delivery.Rejected)
}

// bounced waits for the letter of whom nothing reaches.
func (p *player) bounced(ctx context.Context) error {
	if err := p.state(ctx, 2, delivery.Posting); err != nil {
		return err
	}
	names, err := p.events(ctx, 2)
	if err != nil {
		return err
	}
	if n := count(names, "NotificationForAcceptanceFailure"); n != 2 {
		return fmt.Errorf("%d failed notifications, expected 2", n)
	}
	return nil
}

// silent lets the time pass that the last recipient does not use.
func (p *player) silent(ctx context.Context) error {
	for i, by := range []string{"P3D", "P6D", "P6D"} {
		if err := p.pass(ctx, by); err != nil {
			return err
		}
		want := 2 * (i + 2) // e-mail and SMS, the announcement and the reminders so far
		if err := eventually(ctx, func() (bool, error) {
			names, err := p.events(ctx, 3)
			return count(names, "NotificationForAcceptance") >= want, err
		}); err != nil {
			return fmt.Errorf("reminder %d: %w", i+1, err)
		}
	}
	if err := p.pass(ctx, "P3D"); err != nil {
		return err
	}
	if err := p.state(ctx, 3, delivery.Posting); err != nil {
		return err
	}
	names, err := p.events(ctx, 3)
	if err == nil && count(names, "AcceptanceRejectionExpiry") != 1 {
		err = fmt.Errorf("no expiry in %v", names)
	}
	return err
}

// printed plays the print partner at the other end of the hot folder.
func (p *player) printed(ctx context.Context) error {
	printer := p.demo.stands.printer
	items, err := printer.Post(time.Now())
	if err != nil {
		return err
	}
	if len(items) != 2 {
		return fmt.Errorf("%d letters in the hot folder, expected 2", len(items))
	}
	for _, i := range []int{2, 3} {
		if err := p.state(ctx, i, delivery.Posted); err != nil {
			return err
		}
	}
	for _, item := range items {
		if err := printer.Report(item, delivery.PostDelivered, "", time.Now()); err != nil {
			return err
		}
	}
	for _, i := range []int{2, 3} {
		if err := p.state(ctx, i, delivery.DeliveredByPost); err != nil {
			return err
		}
		if err := p.proven(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// proven checks that the papers of a delivered letter came with its reports.
func (p *player) proven(ctx context.Context, i int) error {
	var papers struct {
		Data []struct{ Kind delivery.PostPaper }
	}
	if err := p.call(ctx, http.MethodGet, "/deliveries/"+p.delivered[i]+"/papers", nil, &papers); err != nil {
		return err
	}
	var kinds []delivery.PostPaper
	for _, one := range papers.Data {
		kinds = append(kinds, one.Kind)
	}
	if !slices.Equal(kinds, []delivery.PostPaper{delivery.DepositProof, delivery.ReceiptScan}) {
		return fmt.Errorf("papers %v", kinds)
	}
	return nil
}

func count(names []string, name string) int {
	return len(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n != name }))
}
