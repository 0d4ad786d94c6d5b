package eid_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// people is the real service, with what it logs.
func people(t *testing.T) (*identity.Service, *bytes.Buffer) {
	t.Helper()
	var logged bytes.Buffer
	b, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := identity.New(identity.Config{Pool: pgtest.New(t), Box: b, DigestKey: bytes.Repeat([]byte{2}, 32),
		Password: identity.Cost{Memory: 64, Time: 1, Threads: 1}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s, &logged
}

// errand is one that a browser has open.
func errand(t *testing.T, s *identity.Service) identity.Login {
	t.Helper()
	id, secret, err := s.OpenLogin(t.Context(), identity.NewLogin{Errand: "collect", Subject: "x", Session: "session", Level: identity.LevelHigh,
		Language: "nl", Back: "/collect"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Login(t.Context(), id, secret)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestOneOfManyAnswers: the same token, sixteen times at once.
func TestOneOfManyAnswers(t *testing.T) {
	t.Parallel()
	s, _ := people(t)
	a := authority(t)
	w := webEID(t, verifier(t, a))
	l := errand(t, s)
	c, err := s.BeginLogin(t.Context(), l, w, "https://bode.example/identify")
	if err != nil {
		t.Fatal(err)
	}
	signed := token(t, issue(t, a, ann()), c.Nonce, origin)
	var in, stale atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, err := s.FinishLogin(t.Context(), l, w, answer(signed), time.Now())
			switch {
			case err == nil:
				in.Add(1)
			case errors.Is(err, identity.ErrLoginStale):
				stale.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 || stale.Load() != 15 {
		t.Errorf("%d got in, %d were stale", in.Load(), stale.Load())
	}
}

// TestTokenOfAnotherErrand: a nonce belongs to the browser that it was given to.
func TestTokenOfAnotherErrand(t *testing.T) {
	t.Parallel()
	s, _ := people(t)
	a := authority(t)
	w := webEID(t, verifier(t, a))
	mine, theirs := errand(t, s), errand(t, s)
	c, err := s.BeginLogin(t.Context(), mine, w, "https://bode.example/identify")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginLogin(t.Context(), theirs, w, "https://bode.example/identify"); err != nil {
		t.Fatal(err)
	}
	signed := token(t, issue(t, a, ann()), c.Nonce, origin)
	if _, err := s.FinishLogin(t.Context(), theirs, w, answer(signed), time.Now()); !errors.Is(err, identity.ErrLoginStale) {
		t.Errorf("in another errand: %v", err)
	}
	if _, err := s.FinishLogin(t.Context(), mine, w, answer(signed), time.Now()); err != nil {
		t.Errorf("in its own: %v", err)
	}
}

// TestCardThroughService takes a card from the host for cards, by the mailbox, to
// the errand of the browser, and keeps what was proven.
func TestCardThroughService(t *testing.T) {
	t.Parallel()
	s, logged := people(t)
	a := authority(t)
	h := startHostOf(t, verifier(t, a), func(m identity.Means) identity.Mailbox {
		return s.Mailbox(m, func(login string) string { return "/identify/" + login })
	})
	l, other := errand(t, s), errand(t, s)
	c, err := s.BeginLogin(t.Context(), l, h, "https://bode.example/identify")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginLogin(t.Context(), other, h, "https://bode.example/identify"); err != nil {
		t.Fatal(err)
	}
	card := issue(t, a, ann()).TLS()
	resp, err := h.post(t, h.browser(&card), c.Key)
	if err != nil || resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != origin+"/identify/"+l.ID {
		t.Fatal(err, resp)
	}
	if _, err := s.FinishLogin(t.Context(), other, h, identity.Answer{}, time.Now()); !errors.Is(err, identity.ErrLoginStale) {
		t.Errorf("another errand: %v", err)
	}
	p, err := s.FinishLogin(t.Context(), l, h, identity.Answer{}, time.Now())
	if err != nil || p.NationalNumber != ann().NationalNumber {
		t.Fatal(err)
	}
	if resp, err = h.post(t, h.browser(&card), c.Key); err != nil || resp.Header.Get("Location") != origin+"/" {
		t.Error("once more:", err, resp)
	}
	if strings.Contains(logged.String(), ann().NationalNumber) || strings.Contains(logged.String(), c.Key) {
		t.Error("the log tells too much")
	}
}
