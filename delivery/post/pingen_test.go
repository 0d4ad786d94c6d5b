package post

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestPingenWholeStory follows a letter to its end.
func TestPingenWholeStory(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	p := peer.open(nil)
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := newLetter("nl")
	got, err := p.HandOver(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	sent := peer.letters[0]
	if !bytes.Equal(sent.pdf, got.PDF) || sent.file != got.Item+".pdf" || sent.position != "right" || sent.product != "registered" ||
		fmt.Sprint(sent.recipient) != "map[city:MECHELEN country:BE name:Mevrouw Ann Janssens number:12 bus 4 street:Kerkstraat zip:2800]" {
		t.Errorf("Pingen has %s %s %s %v", sent.file, sent.position, sent.product, sent.recipient)
	}
	again, err := p.HandOver(t.Context(), l)
	if err != nil || again.Item != got.Item || peer.count() != 1 {
		t.Fatalf("again: %v, %d letters", err, peer.count())
	}
	var said []string
	for _, state := range []string{"valid", "submitted", "accepted", "printing", "sent", "sent", "delivered"} {
		peer.advance(time.Hour)
		peer.set(state)
		for range 2 {
			r, err := p.Reports(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range r {
				said = append(said, string(one.Status)+one.Tracking)
				if one.Item != got.Item || !one.At.Equal(peer.now) {
					t.Errorf("%+v at %s", one, peer.now)
				}
				if err := p.Done(t.Context(), one); err != nil {
					t.Fatal(err)
				}
			}
			peer.advance(2 * time.Minute)
			peer.set(state)
		}
	}
	if got := strings.Join(said, " "); got != "acknowledged printed posted98.1234.11 delivered98.1234.11" {
		t.Errorf("reports: %s", got)
	}
	if raw, err := os.ReadFile(p.path("sent", got.Item+".json")); err != nil || bytes.Contains(raw, []byte("Kerkstraat")) {
		t.Errorf("record keeps the address: %s, %v", raw, err)
	}
}

// TestPingenFails lets every call fail in every way, once: with nothing done, and
// done without our hearing of it. There is one letter in the end.
func TestPingenFails(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"POST access-tokens", "GET file-upload", "PUT upload", "POST letters"} {
		for _, f := range []fault{failBefore, failAfter, failTalk, failSlow} {
			t.Run(call+" "+string(f), func(t *testing.T) {
				t.Parallel()
				peer := startPingen(t)
				p := peer.open(nil)
				peer.failOnce(call, f)
				l := newLetter("fr")
				_, err := p.HandOver(t.Context(), l)
				harmless := call == "PUT upload" && (f == failTalk || f == failAfter) // nobody reads that answer
				if err == nil != harmless {
					t.Fatalf("got %v", err)
				}
				if Permanent(err) {
					t.Errorf("%v counts as permanent", err)
				}
				peer.advance(5 * time.Minute)
				restarted := peer.open(func(c *PingenConfig) { c.Dir = p.cfg.Dir })
				for range 2 {
					if _, err := restarted.HandOver(t.Context(), l); err != nil {
						t.Fatalf("then: %v", err)
					}
				}
				if peer.count() != 1 {
					t.Errorf("%d letters", peer.count())
				}
			})
		}
	}
}

// TestPingenKeyForgotten: even when Pingen forgot our key, a letter whose answer
// was lost is found by its name instead of asked for twice.
func TestPingenKeyForgotten(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	p := peer.open(nil)
	peer.failOnce("POST letters", failAfter)
	l := newLetter("de")
	if _, err := p.HandOver(t.Context(), l); err == nil {
		t.Fatal("no error")
	}
	clear(peer.keys)
	peer.advance(48 * time.Hour)
	if _, err := p.HandOver(t.Context(), l); err != nil || peer.count() != 1 {
		t.Errorf("%v, %d letters", err, peer.count())
	}
}

// TestPingenUploadGone: a file that is not taken any more is uploaded again.
func TestPingenUploadGone(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	p := peer.open(nil)
	peer.failOnce("POST letters", failBefore)
	l := newLetter("de")
	if _, err := p.HandOver(t.Context(), l); err == nil {
		t.Fatal("no error")
	}
	clear(peer.uploads)
	if _, err := p.HandOver(t.Context(), l); err == nil || Permanent(err) {
		t.Errorf("file gone: %v", err)
	}
	if _, err := p.HandOver(t.Context(), l); err != nil || peer.count() != 1 {
		t.Errorf("%v, %d letters", err, peer.count())
	}
}

func TestPingenThrottled(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	p := peer.open(nil)
	peer.failOnce("GET file-upload", failSlow)
	l := newLetter("en")
	for range 3 {
		if _, err := p.HandOver(t.Context(), l); !errors.Is(err, ErrThrottled) {
			t.Fatalf("got %v", err)
		}
	}
	if n := peer.calls["GET file-upload"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
	peer.advance(121 * time.Second)
	if _, err := p.HandOver(t.Context(), l); err != nil {
		t.Error(err)
	}
}

func TestPingenTokenEnds(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	p := peer.open(nil)
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	clear(peer.tokens)
	if err := p.Check(t.Context()); err != nil {
		t.Errorf("a token that was revoked: %v", err)
	}
	wrong := peer.open(func(c *PingenConfig) { c.ClientSecret = "guess" })
	if err := wrong.Check(t.Context()); !errors.Is(err, ErrSignIn) || strings.Contains(err.Error(), "guess") {
		t.Errorf("wrong secret: %v", err)
	}
}

// TestPingenTestLetters: a letter of a test delivery never reaches Pingen.
func TestPingenTestLetters(t *testing.T) {
	t.Parallel()
	peer := startPingen(t)
	l := newLetter("en")
	l.Test = true
	if _, err := peer.open(nil).HandOver(t.Context(), l); err != nil || peer.count() != 0 || len(peer.uploads) != 0 {
		t.Errorf("%v, %d letters", err, peer.count())
	}
}

func TestPingenEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state  string
		events []string
		status delivery.PostStatus
		cause  string
		text   string
	}{
		{"undeliverable", []string{"recipient_moved"}, delivery.PostReturned, "moved", "Name of recipient_moved"},
		{"undeliverable", []string{"undeliverable"}, delivery.PostReturned, "other", "Name of undeliverable"},
		{"undeliverable", nil, delivery.PostReturned, "other", ""},
		{"invalid", []string{"file_too_many_pages"}, delivery.PostRefused, "too_many_pages", "Name of file_too_many_pages"},
		{"rejected", []string{"insufficient_credit", "later"}, delivery.PostRefused, "no_credit", "Name of later"},
		{"expired", nil, delivery.PostRefused, "other", ""},
		{"cancelled", nil, delivery.PostCancelled, "", ""},
	} {
		peer := startPingen(t)
		p := peer.open(nil)
		if _, err := p.HandOver(t.Context(), newLetter("nl")); err != nil {
			t.Fatal(err)
		}
		peer.set(c.state, c.events...)
		r, err := p.Reports(t.Context())
		if err != nil || len(r) != 1 || r[0].Status != c.status || r[0].Cause != c.cause || r[0].Text != c.text {
			t.Errorf("%s %v: %+v, %v", c.state, c.events, r, err)
		}
	}
	for _, state := range []string{"action_required", "validating", "valid", "something_new"} {
		peer := startPingen(t)
		p := peer.open(nil)
		if _, err := p.HandOver(t.Context(), newLetter("nl")); err != nil {
			t.Fatal(err)
		}
		peer.set(state)
		if r, err := p.Reports(t.Context()); err != nil || len(r) != 0 {
			t.Errorf("%s: %+v, %v", state, r, err)
		}
	}
}
