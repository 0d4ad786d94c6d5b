package identity_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// heard is who was told what, in order.
type heard struct {
	mu    sync.Mutex
	notes []identity.Note
}

func (h *heard) Tell(_ context.Context, _ pgx.Tx, notes ...identity.Note) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, notes...)
	return nil
}

func (h *heard) of(kind identity.NoteKind) (found []identity.Note) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.notes {
		if n.Kind == kind {
			found = append(found, n)
		}
	}
	return found
}

const fresh = "negen natte nonnen"

// lost is a bundle whose first administrator was identified, has an
// authenticator and recovery codes, and lost everything.
func lost(t *testing.T) (*bundle, *heard) {
	t.Helper()
	b, h := setup(t), &heard{}
	b.Service = must(identity.New(identity.Config{Pool: b.pool, Box: b.box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: b.now, Password: cheap(), Teller: h}))(t)
	b.enrol(b.admin)
	var record string
	if err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error {
		i, err := b.SaveIdentification(t.Context(), tx, b.an(), identity.Occasion{Purpose: identity.SenderProofing, Person: b.admin})
		record = i.Record
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b.want(b.BindIdentification(t.Context(), identity.System, b.admin, record), nil, "bind")
	h.notes = nil
	return b, h
}

// an is the proof of the first administrator.
func (b *bundle) an() identity.Proof {
	return identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: "sub-1", Given: "An", Family: "Peeters",
		NationalNumber: "85073003328", Level: identity.LevelHigh, At: b.now(), Token: []byte("jws")}
}

// reproof identifies once for a login.
func (b *bundle) reproof(login string, p identity.Proof) (identity.Recovery, error) {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	subject, err := b.AskRecovery(ctx, login, ip)
	if err != nil {
		return identity.Recovery{}, err
	}
	l := b.errand(subject)
	return b.Reproof(ctx, l, p, ip, agent)
}

func (b *bundle) errand(subject string) identity.Login {
	b.Helper()
	id, secret, err := b.OpenLogin(b.Context(), identity.NewLogin{Errand: "recover", Subject: subject, Session: "browser", Level: identity.LevelSubstantial,
		Language: "nl", About: "x", Back: "/"})
	if err != nil {
		b.Fatal(err)
	}
	return must(b.Login(b.Context(), id, secret))(b.T)
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	b, h := lost(t)
	ctx := t.Context()
	open, _, err := b.signIn("an", password, "")
	b.want(err, identity.ErrSignIn, "no factor left")
	r, err := b.reproof(" AN ", b.an())
	b.want(err, nil, "first time")
	if r.Token != "" || !r.ReadyAt.Equal(b.now().Add(24*time.Hour)) {
		t.Errorf("recovery %+v", r)
	}
	if n := h.of(identity.NoteRecoveryStarted); len(n) != 2 || n[0].To != "an@acme.example" || n[1].To != "+32470123456" {
		t.Errorf("told %+v", n)
	}
	b.forward(24*time.Hour - time.Second)
	if r, err = b.reproof("an", b.an()); err != nil || r.Token != "" {
		t.Errorf("a second early: %+v, %v", r, err)
	}
	if len(h.of(identity.NoteRecoveryStarted)) != 2 {
		t.Error("told twice")
	}
	b.forward(time.Second)
	r, err = b.reproof("an", b.an())
	b.want(err, nil, "a day later")
	_, err = b.FinishRecovery(ctx, r.Token, "kort", ip, agent, "nl")
	b.want(err, identity.ErrInvalid, "short password")
	_, err = b.FinishRecovery(ctx, open, fresh, ip, agent, "nl")
	b.want(err, identity.ErrToken, "no token")
	var token string
	if ok := b.storm(func(int) error {
		s, err := b.FinishRecovery(ctx, r.Token, fresh, ip, agent, "nl")
		if err == nil {
			token = s
		}
		return err
	}); ok != 1 {
		t.Fatalf("%d of 16 used the token", ok)
	}
	s := must(b.Session(ctx, token))(t)
	if s.Method != identity.MethodReproofed || s.Strong() || s.Role != identity.Reader || s.Granted != identity.LevelNone {
		t.Errorf("session %+v", s)
	}
	if len(h.of(identity.NoteRecoveryDone)) != 2 || b.count(`SELECT count(*) FROM recovery_code`)+b.count(`SELECT count(*) FROM person WHERE totp_secret IS NOT NULL`) != 0 {
		t.Error("not told, or old factors stay")
	}
	for _, action := range []string{"recovery_started", "recovery_done"} {
		if b.count(`SELECT count(*) FROM access_log WHERE action = $1 AND person_id = $2 AND account_id = $3`, action, b.admin, b.account) != 1 {
			t.Errorf("%s is not in the log once", action)
		}
	}
	by := s.Actor(ip, agent)
	f := must(b.EnrolFactor(ctx, by, b.admin, "Bode"))(t)
	added, err := b.ConfirmOwnFactor(ctx, by, token, b.code(f.Secret))
	b.want(err, nil, "new factor")
	if s := must(b.Session(ctx, added.Token))(t); !s.Strong() || s.Role != identity.Administrator {
		t.Errorf("session afterwards %+v", s)
	}
	b.forward(31 * time.Second)
	_, _, err = b.signIn("an", fresh, b.code(f.Secret))
	b.want(err, nil, "new password and factor")
}

// Whoever is somebody else, or proves too little, gets one answer, and tells
// nobody but the access log.
func TestRecoveryRefused(t *testing.T) {
	t.Parallel()
	b, h := lost(t)
	b.add("els", identity.Sender) // never identified
	for name, c := range map[string]struct {
		login string
		spoil func(*identity.Proof)
	}{
		"unknown login":      {"nobody", func(*identity.Proof) {}},
		"never identified":   {"els", func(*identity.Proof) {}},
		"another number":     {"an", func(p *identity.Proof) { p.NationalNumber = "85073003427" }},
		"another subject":    {"an", func(p *identity.Proof) { p.NationalNumber, p.Subject = "", "sub-2" }},
		"subject elsewhere":  {"an", func(p *identity.Proof) { p.NationalNumber, p.Provider = "", "https://other.example" }},
		"too low":            {"an", func(p *identity.Proof) { p.Level = identity.LevelSubstantial }},
		"no level":           {"an", func(p *identity.Proof) { p.Level = identity.LevelNone }},
		"worth nothing":      {"an", func(p *identity.Proof) { p.Method = "luxtrust"; p.Level = identity.LevelSubstantial }},
		"login of a control": {"an\x00", func(*identity.Proof) {}},
	} {
		p := b.an()
		c.spoil(&p)
		_, err := b.reproof(c.login, p)
		b.want(err, identity.ErrForbidden, name)
	}
	if len(h.notes) != 0 || b.count(`SELECT count(*) FROM recovery`) != 0 {
		t.Errorf("told %v, %d recoveries", h.notes, b.count(`SELECT count(*) FROM recovery`))
	}
	if n := b.count(`SELECT count(*) FROM access_log WHERE action = 'recovery_refused' AND person_id = $1`, b.admin); n != 6 {
		t.Errorf("%d refusals in the log", n)
	}
	if n := b.count(`SELECT count(*) FROM identification WHERE person_id = $1`, b.admin); n != 1 {
		t.Errorf("%d identifications of somebody else kept", n-1)
	}
	// The same number at another provider is the same person.
	p := b.an()
	p.Method, p.Provider, p.Subject = identity.MethodWebEID, "https://eid.example", "x"
	_, err := b.reproof("an", p)
	b.want(err, nil, "the same number by other means")
}

// One errand is taken once.
func TestRecoveryErrand(t *testing.T) {
	t.Parallel()
	b, h := lost(t)
	l := b.errand(b.admin)
	if ok := b.storm(func(int) error { _, err := b.Reproof(t.Context(), l, b.an(), ip, agent); return err }); ok != 1 {
		t.Errorf("%d of 16 used the errand", ok)
	}
	if n := h.of(identity.NoteRecoveryStarted); len(n) != 2 {
		t.Errorf("told %d times", len(n))
	}
}

// A recovery is stopped by its link, or by whoever has a factor that works, and
// not by a password alone. What was stopped opens nothing.
func TestRecoveryStopped(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(b *bundle, h *heard) error{
		"link": func(b *bundle, h *heard) error {
			facts, err := b.NoteFacts(b.Context(), h.of(identity.NoteRecoveryStarted)[0])
			b.want(err, nil, "facts")
			token := facts.Path[strings.LastIndex(facts.Path, "/")+1:]
			b.want(b.MayStopRecovery(b.Context(), token), nil, "look")
			b.want(b.StopRecoveryByLink(b.Context(), "x", ip, agent), identity.ErrToken, "another link")
			err = b.StopRecoveryByLink(b.Context(), token, ip, agent)
			b.want(b.StopRecoveryByLink(b.Context(), token, ip, agent), identity.ErrToken, "link again")
			return err
		},
		"factor": func(b *bundle, _ *heard) error {
			weak := b.actor(b.admin)
			for _, method := range []string{identity.MethodPassword, identity.MethodReproofed, ""} {
				weak.Method = method
				b.want(b.StopRecovery(b.Context(), weak), identity.ErrForbidden, method)
			}
			b.want(b.StopRecovery(b.Context(), b.actor(b.add("els", identity.Administrator))), identity.ErrNotFound, "somebody else")
			return b.StopRecovery(b.Context(), b.actor(b.admin))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, h := lost(t)
			_, err := b.reproof("an", b.an())
			b.want(err, nil, "begin")
			if r := must(b.PendingRecovery(t.Context(), b.actor(b.admin)))(t); r == nil {
				t.Error("not shown to the holder")
			}
			b.want(stop(b, h), nil, "stop")
			b.forward(25 * time.Hour)
			if r, err := b.reproof("an", b.an()); err != nil || r.Token != "" {
				t.Errorf("goes on: %+v, %v", r, err)
			}
			if b.count(`SELECT count(*) FROM access_log WHERE action = 'recovery_stopped'`) != 1 {
				t.Error("not in the log")
			}
		})
	}
}

// A token that was given out dies with the recovery, and after its time.
func TestRecoveryToken(t *testing.T) {
	t.Parallel()
	b, _ := lost(t)
	ready := func() string {
		b.Helper()
		_, err := b.reproof("an", b.an())
		b.want(err, nil, "begin")
		b.forward(25 * time.Hour)
		r, err := b.reproof("an", b.an())
		b.want(err, nil, "ready")
		return r.Token
	}
	finish := func(token string) error {
		_, err := b.FinishRecovery(t.Context(), token, fresh, ip, agent, "")
		return err
	}
	token := ready()
	b.want(b.StopRecovery(t.Context(), b.actor(b.admin)), nil, "stop")
	b.want(finish(token), identity.ErrToken, "stopped meanwhile")
	token = ready()
	b.forward(30 * time.Minute)
	b.want(finish(token), identity.ErrToken, "half an hour later")
	b.forward(8 * 24 * time.Hour)
	if r, err := b.reproof("an", b.an()); err != nil || r.Token != "" || !r.ReadyAt.After(b.now()) {
		t.Errorf("a week later it begins anew: %+v, %v", r, err)
	}
	b.forward(9 * 24 * time.Hour)
	b.want(b.Sweep(t.Context()), nil, "sweep")
	if b.count(`SELECT count(*) FROM recovery`) != 0 {
		t.Error("an old one stays")
	}
}

func TestRecoverByOperators(t *testing.T) {
	t.Parallel()
	b, h := lost(t)
	els := b.add("els", identity.Sender)
	ctx := t.Context()
	for name, c := range map[string][2]string{"alone": {"jan", ""}, "twice the same": {"jan", "jan"}, "nobody": {"", ""}} {
		_, err := b.RecoverByOperators(ctx, identity.System, els, c[0], c[1])
		b.want(err, identity.ErrForbidden, name)
	}
	_, err := b.RecoverByOperators(ctx, b.actor(b.admin), els, "jan", "piet")
	b.want(err, identity.ErrForbidden, "an administrator of the account")
	_, err = b.RecoverByOperators(ctx, identity.System, "00000000-0000-7000-8000-000000000000", "jan", "piet")
	b.want(err, identity.ErrNotFound, "nobody's id")
	r, err := b.RecoverByOperators(ctx, identity.System, els, "jan", "piet")
	b.want(err, nil, "two operators")
	if len(h.of(identity.NoteRecoveryStarted)) != 2 {
		t.Error("not told")
	}
	_, err = b.FinishRecovery(ctx, r.Token, fresh, ip, agent, "")
	b.want(err, identity.ErrToken, "before the day is over")
	b.forward(24 * time.Hour)
	_, err = b.FinishRecovery(ctx, r.Token, fresh, ip, agent, "")
	b.want(err, nil, "a day later")
}

// The table itself holds what must be true of a recovery.
func TestRecoveryRow(t *testing.T) {
	t.Parallel()
	b, _ := lost(t)
	at := b.now()
	insert := func(operators []string, ready, expires time.Time) error {
		_, err := b.pool.Exec(t.Context(), `INSERT INTO recovery (person_id, operators, started_at, ready_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			b.admin, operators, at, ready, expires)
		return err
	}
	day := 24 * time.Hour
	for name, err := range map[string]error{
		"no day of waiting":  insert([]string{"a", "b"}, at.Add(day-time.Microsecond), at.Add(2*day)),
		"by nobody":          insert(nil, at.Add(day), at.Add(2*day)),
		"by one operator":    insert([]string{"a"}, at.Add(day), at.Add(2*day)),
		"by one twice":       insert([]string{"a", "a"}, at.Add(day), at.Add(2*day)),
		"ends before it can": insert([]string{"a", "b"}, at.Add(day), at.Add(day)),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	b.want(insert([]string{"a", "b"}, at.Add(day), at.Add(2*day)), nil, "right")
}
