package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
)

// summaryNotices says what the play leaves of what people read.
type summaryNotices struct {
	Folder   string `json:"folder"`
	Sent     int    `json:"sent"`              // mails and text messages that people got in the play
	Gallery  int    `json:"gallery"`           // every kind, on both channels, in four languages
	Pictures int    `json:"pictures"`          //
	Without  string `json:"without,omitempty"` // why there are no pictures
}

// noticeFile is one mail or text message as files: text, the page a reader sees,
// and a picture of it.
type noticeFile struct {
	name       string // of the files, without what says their form
	text, html string
	width      int64 // of the screen it is looked at on; 0: no picture is taken
}

const (
	phone   = 390 // CSS pixels
	desktop = 720
)

// notices writes what people got in the play, and what they can get at all.
func (p *player) notices(ctx context.Context) error {
	sent, err := p.sent()
	if err != nil {
		return err
	}
	all, err := p.gallery(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(p.out, "notices")
	for _, f := range append(sent, all...) {
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		for ext, body := range map[string]string{".txt": f.text, ".html": f.html} {
			if err := os.WriteFile(path+ext, []byte(body), 0o644); err != nil {
				return err
			}
		}
	}
	s := &summaryNotices{Folder: "notices", Sent: len(sent), Gallery: len(all)}
	if s.Pictures, err = pictures(ctx, dir, append(sent, all...)); err != nil {
		s.Without = err.Error() // what is to be shown is there without them
	}
	p.summary.Notices = s
	return p.writeSummary()
}

// sent are the mails and text messages of the play, in the order in which they
// arrived.
func (p *player) sent() (files []noticeFile, err error) {
	language := map[string]string{}
	for _, c := range cast {
		language[c.email], language[c.mobile] = c.language, c.language
	}
	for i, m := range p.demo.stands.catcher.Messages() {
		f := noticeFile{text: m.Text + "\n", html: m.HTML, width: desktop}
		tag := m.Headers["Content-Language"]
		if m.Channel == string(notify.SMS) {
			if tag = language[m.To]; tag == "" {
				tag = "nl" // who else is told in the play reads Dutch
			}
			if f, err = phoneFile(m.From, m.Text); err != nil {
				return nil, err
			}
		} else {
			f.text = "To: " + m.To + "\nSubject: " + m.Subject + "\n\n" + f.text
		}
		f.name = fmt.Sprintf("%03d-%s-%s-%s", i+1, plainName(m.Kind), m.Channel, tag)
		files = append(files, f)
	}
	if len(files) == 0 {
		err = fmt.Errorf("nobody was told anything")
	}
	return files, err
}

var notPlain = regexp.MustCompile(`[^a-z0-9_]+`)

// plainName is a kind as a file name.
func plainName(kind string) string { return notPlain.ReplaceAllString(strings.ToLower(kind), "_") }

// gallery is every kind on both channels in every language, about the deliveries
// of the play: each in the language of its recipient.
func (p *player) gallery(ctx context.Context) (files []noticeFile, err error) {
	r, err := notify.NewRenderer()
	if err != nil {
		return nil, err
	}
	for i, c := range cast {
		facts, err := p.facts(ctx, i)
		if err != nil {
			return nil, err
		}
		for k, kind := range notify.Kinds() {
			for _, channel := range notify.Channels() {
				f := facts
				if kind == notify.Code || kind == notify.ContactCode {
					f.Link = ""
				}
				m, err := r.Render(notify.Notice{Kind: kind, Channel: channel, Language: c.language}, f)
				if err != nil {
					return nil, err
				}
				file := noticeFile{text: "Subject: " + m.Subject + "\n\n" + m.Text, html: m.HTML, width: phone}
				if channel == notify.SMS {
					if file, err = phoneFile(f.ServiceName, m.Text); err != nil {
						return nil, err
					}
					file.width = 0 // one text message looks like another
				}
				file.name = filepath.Join("gallery", fmt.Sprintf("%02d-%s-%s-%s", k+1, kind, channel, c.language))
				files = append(files, file)
			}
		}
	}
	return files, nil
}

// facts are those of a delivery of the play, completed with what its own life did
// not bring.
func (p *player) facts(ctx context.Context, i int) (notify.Facts, error) {
	id := p.delivered[i]
	f, err := p.demo.app.deliveries.NoticeFacts(ctx, notify.Notice{Delivery: id, Kind: notify.Receipt, Ref: string(cast[i].end)})
	if err != nil {
		return f, err
	}
	mail, err := p.demo.app.deliveries.NoticeFacts(ctx, notify.Notice{Delivery: id, Kind: notify.Accepted})
	if err != nil {
		return f, err
	}
	day := 24 * time.Hour
	f.Test, f.Link = false, mail.Link
	if f.Deadline.IsZero() { // it went by post at once: as another's would end, at a midnight
		d := delivery.DateOf(f.SubmittedAt, p.demo.app.deliveries.Zone)
		f.Deadline = time.Date(d.Year, d.Month, d.Day+16, 0, 0, 0, 0, p.demo.app.deliveries.Zone)
	}
	f.GoesByPostAt, f.ExpectedAt = f.Deadline.Add(day), f.Deadline.Add(4*day)
	f.Tracking, f.TrackingURL = "323299901000000012345678", "https://track.post.example/?item=323299901000000012345678"
	f.Code, f.CodeMinutes = "418302", 10
	f.Account, f.Who, f.What, f.Until = f.SenderName, "Jan Van den Broeck", "email", f.SubmittedAt.Add(7*day)
	f.Day = []notify.DayCount{{Event: "collected", Count: "12"}, {Event: "refused", Count: "1"}, {Event: "soon", Count: "3"}}
	f.Reason = map[string]string{"nl": "Het ondernemingsnummer bestaat niet.", "fr": "Le numéro d’entreprise n’existe pas.",
		"de": "Die Unternehmensnummer gibt es nicht.", "en": "The enterprise number does not exist."}[cast[i].language]
	return f, nil
}

//go:embed play_phone.html.tmpl
var phonePage string

// phoneFile is a text message as a phone shows it.
func phoneFile(from, text string) (noticeFile, error) {
	t, err := template.New("phone").Parse(phonePage)
	if err != nil {
		return noticeFile{}, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		From  string
		Parts []notifytest.Piece
	}{from, notifytest.Pieces(text)})
	return noticeFile{text: text + "\n", html: b.String(), width: phone}, err
}
