package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// cast is who receives in the play, and what becomes of each delivery.
var cast = []struct {
	role                         string
	given, family, email, mobile string
	language, birth              string
	lines                        []string
	postcode, city               string
	citizen                      string // at the demo's identity provider
	end                          delivery.State
}{
	{"collects", "Lotte", "Peeters", "lotte.peeters@post.example", "+32470104711", "nl", "1985-07-30",
		[]string{"Vlasmarkt 7 bus 3"}, "9000", "Gent", "lotte", delivery.HandedOver},
	{"refuses", "Élodie", "Dubois-Lefèvre", "elodie@courrier.example", "+32470104712", "fr", "",
		[]string{"Rue du Moulin 18"}, "5000", "Namur", "elodie", delivery.Rejected},
	{"bounces", "Jürgen", "Müller", "bounce.mueller@post.example", "+32470100000", "de", "",
		[]string{"Neustraße 45"}, "4700", "Eupen", "", delivery.DeliveredByPost},
	{"does nothing", "Amina", "Yılmaz", "amina@mail.example", "+32470104714", "en", "",
		[]string{"Avenue Louise 200", "Box 12"}, "1050", "Brussels", "", delivery.DeliveredByPost},
}

// summary is what the play leaves for who reads its folder.
type summary struct {
	Message    string            `json:"message"`
	Number     string            `json:"number"`
	Deliveries []summaryDelivery `json:"deliveries"`
	Notices    *summaryNotices   `json:"notices,omitempty"`
}

type summaryDelivery struct {
	ID    string   `json:"id"`
	Role  string   `json:"role"`
	State string   `json:"state"`
	Files []string `json:"files"` // relative to the folder of summary.json
}

// play plays the main job through the public faces: one message with two
// attachments to four recipients in four languages. It prints a line per step
// and stops at the first that does not hold.
func (d *demo) play(ctx context.Context, out string, say func(string, ...any)) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	p := &player{outsider: outsider{info: d.info(), client: &http.Client{Timeout: 2 * time.Minute}}, demo: d, out: out}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"the sender uploads two attachments and submits one message to four recipients (REST)", p.submit},
		{"each recipient is told by e-mail and SMS, in nl, fr, de and en (SMTP, SMS gateway)", p.told},
		{"Lotte enters both codes, identifies, accepts and downloads; the digests agree", p.collect},
		{"Élodie enters both codes, identifies and refuses", p.refuse},
		{"Jürgen's e-mail and SMS bounce: his letter is printed at once", p.bounced},
		{"Amina does nothing: three reminders, then the time is over and her letter is printed", p.silent},
		{"the printer reports both letters posted and delivered", p.printed},
		{"the sender submits another message with a mail program (SMTP), and withdraws it (REST)", p.withdraw},
		{"every event has its evidence; dossiers and letters are written", p.gather},
		{"every mail and text message is kept as its reader saw it, and one of each kind in four languages", p.notices},
		{"the offline verifier accepts every file, and refuses a changed one", p.verify},
		{"fsck finds nothing", p.fsck},
	}
	began := time.Now()
	for i, s := range steps {
		at := time.Now()
		if err := s.do(ctx); err != nil {
			say("%2d. NOT HELD  %s\n    %v", i+1, s.what, err)
			return fmt.Errorf("%w: step %d", errHeld, i+1)
		}
		say("%2d. held  %s (%.1f s)", i+1, s.what, time.Since(at).Seconds())
	}
	say("all %d steps held in %.1f s; see %s", len(steps), time.Since(began).Seconds(), filepath.Join(out, "summary.json"))
	return nil
}

// player plays both sides of the main job.
type player struct {
	outsider
	demo      *demo
	out       string
	message   string
	number    string
	files     map[string][]byte // what was attached, by name
	delivered []string          // delivery ids in the order of cast
	extra     string            // the delivery submitted by SMTP
	summary   summary
}

// state waits until a delivery is where it should be.
func (p *player) state(ctx context.Context, i int, want ...delivery.State) error {
	if err := p.stateOf(ctx, p.delivered[i], want...); err != nil {
		return fmt.Errorf("who %s: %w", cast[i].role, err)
	}
	return nil
}

func (p *player) stateOf(ctx context.Context, id string, want ...delivery.State) error {
	var got struct{ State delivery.State }
	err := eventually(ctx, func() (bool, error) {
		err := p.call(ctx, http.MethodGet, "/deliveries/"+id, nil, &got)
		return slices.Contains(want, got.State), err
	})
	if err != nil {
		return fmt.Errorf("delivery is %s, expected %v: %w", got.State, want, err)
	}
	return nil
}

// pass moves the test clock on.
func (p *player) pass(ctx context.Context, by string) error {
	return p.call(ctx, http.MethodPost, "/test-clock/advance", map[string]string{"by": by}, nil)
}

// events returns the names in a delivery's timeline.
func (p *player) events(ctx context.Context, i int) (names []string, err error) {
	var page struct {
		Data []struct{ Name string }
	}
	if err := p.call(ctx, http.MethodGet, "/deliveries/"+p.delivered[i]+"/events", nil, &page); err != nil {
		return nil, err
	}
	for _, e := range page.Data {
		names = append(names, e.Name)
	}
	if len(names) == 0 {
		err = errors.New("empty timeline")
	}
	return names, err
}
