package statement

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

// begun is a statement in Dutch, unless a says otherwise.
func begun(t *testing.T, s *Statement, a identity.Ask) identity.Challenge {
	t.Helper()
	if a.Language == "" {
		a.Language = "nl"
	}
	c, err := s.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func finish(t *testing.T, s *Statement, c identity.Challenge, doc []byte) (identity.Proof, error) {
	t.Helper()
	return s.Finish(t.Context(), c.Saved, identity.Answer{Document: doc}, time.Now())
}

func wantRefusal(t *testing.T, p identity.Proof, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error = %v, want %v", err, want)
	}
	if p.Subject != "" || p.Family != "" || p.Level != identity.LevelNone || p.Token != nil {
		t.Errorf("proof is not empty beside an error: %q", p.Family)
	}
	for _, other := range []error{ErrStale, ErrChanged, ErrUnsigned, ErrSignature, ErrCertificate, ErrRevoked, ErrLevel, ErrStatus} {
		if !errors.Is(want, other) && errors.Is(err, other) {
			t.Errorf("error %v is also %v", err, other)
		}
	}
	if err != nil && strings.Contains(err.Error(), "85073003328") {
		t.Errorf("the error holds the national number: %v", err)
	}
}

const mandateText = "Drukkerij Peeters & Zonen, 0671.516.647,\nlaat Karim Yılmaz-Ďuriš aangetekende zendingen ontvangen.\n\nTot 31 december 2027."

func TestFinishProvesAPerson(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	for name, who := range map[string]signer{"rsa": a.issue(rsaKeys()[0]), "ecdsa": a.issue(newKey(t))} {
		c := begun(t, s, identity.Ask{Level: identity.LevelHigh, Text: mandateText})
		if c.Form != identity.FormDocument || c.Life != 15*time.Minute || c.Key != "" {
			t.Fatalf("challenge %q for %v", c.Form, c.Life)
		}
		doc := signWith(t, c.Document, who, how{})
		p, err := finish(t, s, c, doc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Method != identity.MethodStatement || p.Given != "Lotte Marie" || p.Family != "Peeters" || p.NationalNumber != "85073003328" ||
			p.Level != identity.LevelHigh || p.Provider != "Throw-away QTSP (LU)" || p.Subject != "PNOBE-85073003328" || p.Approved != mandateText {
			t.Errorf("%s: %q %q %q %q level %q", name, p.Given, p.Family, p.Provider, p.Approved, p.Level)
		}
		if string(p.Token) != string(doc) || p.Artefact != "pdf" || p.Claims["ocsp_0"] == "" || p.Claims["certificate"] == "" {
			t.Errorf("%s: the record lacks something: %v", name, p.Claims)
		}
		if p.Checks[3].Result != "ok" || p.Checks[6].Result != "ok" {
			t.Errorf("%s: checks %v", name, p.Checks)
		}
	}
}

func TestFinishHoldsTheErrand(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	who := a.issue(newKey(t))
	c, other := begun(t, s, identity.Ask{}), begun(t, s, identity.Ask{})
	doc := signWith(t, c.Document, who, how{})
	for name, saved := range map[string][]byte{"nothing": nil, "garbage": []byte("{"), "empty": []byte("{}")} {
		p, err := s.Finish(t.Context(), saved, identity.Answer{Document: doc}, time.Now())
		t.Run(name, func(t *testing.T) { wantRefusal(t, p, err, ErrStale) })
	}
	for name, upload := range map[string][]byte{
		"other statement": signWith(t, other.Document, who, how{}), "nothing": nil, "garbage": []byte("%PDF-1.4"), "cut": doc[:len(doc)-9],
		"junk after": append(append([]byte{}, doc...), "x"...), "too large": append(append([]byte{}, doc...), make([]byte, MaxDocument)...),
	} {
		p, err := finish(t, s, c, upload)
		t.Run(name, func(t *testing.T) { wantRefusal(t, p, err, ErrChanged) })
	}
	for name, upload := range map[string][]byte{"as it went": c.Document, "with a line end": append(append([]byte{}, c.Document...), '\n')} {
		p, err := finish(t, s, c, upload)
		t.Run(name, func(t *testing.T) { wantRefusal(t, p, err, ErrUnsigned) })
	}
	for name, at := range map[string]time.Duration{"too late": 21 * time.Minute, "too early": -6 * time.Minute} {
		p, err := s.Finish(t.Context(), c.Saved, identity.Answer{Document: doc}, time.Now().Add(at))
		t.Run(name, func(t *testing.T) { wantRefusal(t, p, err, ErrStale) })
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	soft := a.issue(newKey(t), with(t, oidQCCompliance, oidQCSign))
	c := begun(t, s, identity.Ask{Level: identity.LevelSubstantial})
	p, err := finish(t, s, c, signWith(t, c.Document, soft, how{}))
	if err != nil || p.Level != identity.LevelSubstantial || p.Checks[3].Result != "not stated" {
		t.Errorf("level %q, %v", p.Level, err)
	}
	c = begun(t, s, identity.Ask{Level: identity.LevelHigh})
	p, err = finish(t, s, c, signWith(t, c.Document, soft, how{}))
	wantRefusal(t, p, err, ErrLevel)
	if by, err := s.Check(t.Context(), c.Document, signWith(t, c.Document, soft, how{}), time.Now()); err != nil || by.Qualified {
		t.Errorf("qualified %t, %v", by.Qualified, err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	good := newAuthority(t).asking().cfg
	for name, change := range map[string]func(*Config){
		"no service":    func(c *Config) { c.Service = " " },
		"no anchors":    func(c *Config) { c.Anchors = nil },
		"no revocation": func(c *Config) { c.Revocation = nil },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewOCSP(OCSPConfig{}); err == nil {
		t.Error("responders of anybody's choice")
	}
}

func TestReverify(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	c := begun(t, s, identity.Ask{Text: mandateText})
	p, err := finish(t, s, c, signWith(t, c.Document, a.issue(newKey(t)), how{}))
	if err != nil {
		t.Fatal(err)
	}
	asked := a.asked
	p.At = p.At.Truncate(time.Microsecond)
	if again, err := s.Reverify(p); err != nil || again.Family != "Peeters" || a.asked != asked {
		t.Fatalf("asked %d times more, %v", a.asked-asked, err)
	}
	stranger := newAuthority(t).asking()
	for name, change := range map[string]func(*identity.Proof){
		"another name":    func(p *identity.Proof) { p.Family = "Janssens" },
		"another number":  func(p *identity.Proof) { p.NationalNumber = "" },
		"another level":   func(p *identity.Proof) { p.Level = identity.LevelSubstantial },
		"no document":     func(p *identity.Proof) { p.Token = nil },
		"changed":         func(p *identity.Proof) { p.Token = append([]byte{}, p.Token...); p.Token[len(p.Token)-200] ^= 1 },
		"only the page":   func(p *identity.Proof) { p.Token = c.Document },
		"no answer":       func(p *identity.Proof) { p.Claims = nil },
		"years later":     func(p *identity.Proof) { p.At = p.At.AddDate(2, 0, 0) },
		"means of others": func(p *identity.Proof) { p.Method = identity.MethodItsme },
	} {
		bad := p
		change(&bad)
		if got, err := s.Reverify(bad); err == nil || got.Family != "" {
			t.Errorf("%s: holds", name)
		}
	}
	if _, err := stranger.Reverify(p); !errors.Is(err, ErrCertificate) {
		t.Errorf("trusted by a stranger: %v", err)
	}
}

func TestSavedIsWhole(t *testing.T) {
	t.Parallel()
	c := begun(t, newAuthority(t).asking(), identity.Ask{})
	var k kept
	if err := json.Unmarshal(c.Saved, &k); err != nil || string(k.Document) != string(c.Document) || len(k.Nonce) < 26 {
		t.Errorf("saved: %v", err)
	}
}
