package passkey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/passkey"
	"github.com/bode-erds/bode/migrations/pgtest"
)

const (
	password = "zeven zwarte zwanen"
	ip       = "192.0.2.7"
	agent    = "Mozilla/5.0 (X11; Linux x86_64)"
)

// rig is a service on a database of its own, with a clock that tests turn and an
// authenticator in software.
type rig struct {
	*testing.T
	*passkey.Service
	people *identity.Service
	pool   *pgxpool.Pool
	told   *told
	logs   bytes.Buffer
	mu     sync.Mutex
	at     time.Time
	person string
	token  string // of the session of person
	rp     virtualwebauthn.RelyingParty
}

// told keeps what people were told.
type told struct {
	mu    sync.Mutex
	notes []identity.Note
}

func (t *told) Tell(_ context.Context, _ pgx.Tx, notes ...identity.Note) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, notes...)
	return nil
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) forward(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func setup(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, pool: pgtest.New(t), told: &told{}, at: time.Now().UTC().Truncate(time.Second),
		rp: virtualwebauthn.RelyingParty{Name: "Bode", ID: "bode.example", Origin: "https://bode.example"}}
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	r.people, err = identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: r.now, Teller: r.told,
		Password: identity.Cost{Memory: 64, Time: 1, Threads: 1}})
	r.must(err)
	r.Service, err = passkey.New(passkey.Config{Pool: r.pool, Identity: r.people, RPID: "bode.example", Origins: []string{"https://bode.example"},
		Name: "Bode", Now: r.now, Log: slog.New(slog.NewTextHandler(&r.logs, nil))})
	r.must(err)
	r.person = r.account("an")
	r.token = r.signIn("an")
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) account(login string) string {
	r.Helper()
	_, person, err := r.people.CreateAccount(r.Context(), identity.NewAccount{Kind: identity.Private, Country: "BE"},
		identity.NewPerson{Given: "An", Family: "Peeters", Login: login, Email: login + "@acme.example", Mobile: "+32470123456", Language: "nl", Password: password})
	r.must(err)
	return person
}

func (r *rig) signIn(login string) string {
	r.Helper()
	token, _, err := r.people.SignIn(r.Context(), login, password, "", ip, agent, "nl")
	r.must(err)
	return token
}

// by is the actor of a session.
func (r *rig) by(token string) identity.Actor {
	r.Helper()
	s, err := r.people.Session(r.Context(), token)
	r.must(err)
	return s.Actor(ip, agent)
}

// device is an authenticator with one key, for a relying party that it believes in.
type device struct {
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

func (r *rig) device() *device {
	return &device{rp: r.rp, auth: virtualwebauthn.NewAuthenticator(), key: wholeKey()}
}

// wholeKey is a new key. The library drops leading zeros of coordinates, which
// makes one key in 128 no key at all: those are passed over.
func wholeKey() virtualwebauthn.Credential {
	const size = 77 // of a COSE key with both coordinates whole
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == size {
			return key
		}
	}
}

// create answers options to register.
func (d *device) create(t *testing.T, options []byte) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	d.auth.Options.UserHandle = []byte(o.UserID)
	return []byte(virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, d.key, *o))
}

// get answers options to sign in; the counter goes up each time.
func (d *device) get(t *testing.T, options []byte) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	d.key.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, d.key, *o))
}

// registered gives the person of the rig a passkey.
func (r *rig) registered() *device {
	r.Helper()
	d := r.device()
	r.register(d)
	return d
}

func (r *rig) register(d *device) identity.Added {
	r.Helper()
	options, err := r.BeginRegister(r.Context(), r.by(r.token), r.token)
	r.must(err)
	added, err := r.FinishRegister(r.Context(), r.by(r.token), r.token, "Telefoon", d.create(r.T, options))
	r.must(err)
	if added.Token != "" {
		r.token = added.Token
	}
	return added
}

// enter signs in with a device in a browser.
func (r *rig) enter(d *device, browser string) (string, identity.Session, error) {
	r.Helper()
	options, err := r.BeginSignIn(r.Context(), browser, ip)
	r.must(err)
	return r.FinishSignIn(r.Context(), browser, d.get(r.T, options), ip, agent, "fr")
}

func (r *rig) want(got, want error, what string) {
	r.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (r *rig) count(sql string, args ...any) (n int) {
	r.Helper()
	r.must(r.pool.QueryRow(context.WithoutCancel(r.Context()), sql, args...).Scan(&n))
	return n
}

// changed rewrites a field of an answer.
func changed(t *testing.T, answer []byte, change func(map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(answer, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
