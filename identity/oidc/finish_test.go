package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

func TestFinishProvesAPerson(t *testing.T) {
	t.Parallel()
	for name, userInfo := range map[string]bool{"id_token": false, "userinfo": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *oidc.Config) { c.UserInfo = userInfo })
			for _, person := range identitytest.People() {
				s := r.begin()
				p, err := r.finish(s, r.answer(s, identitytest.Choice{Person: person.ID}))
				if err != nil {
					t.Fatalf("%s: %v", person.ID, err)
				}
				if p.Given != person.Given || p.Family != person.Family || p.BirthDate != person.BirthDate ||
					p.NationalNumber != person.NationalNumber {
					t.Errorf("%s: got %q %q %q", person.ID, p.Given, p.Family, p.BirthDate)
				}
				if p.Method != "itsme" || p.Provider != r.idp.Issuer() || p.Subject == "" ||
					p.Level != identity.LevelHigh || p.At.Location() != time.UTC {
					t.Errorf("%s: method %q provider %q level %q at %v", person.ID, p.Method, p.Provider, p.Level, p.At)
				}
				if n := strings.Count(string(p.Token), "\n"); (n == 1) != userInfo || strings.Count(string(p.Token), ".") != 2+2*n {
					t.Errorf("%s: Token is not the signed token(s)", person.ID)
				}
			}
		})
	}
}

func TestFinishTakesWhatIsTyped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	as := identitytest.Person{Given: "Zoë", Family: "D’Hondt", BirthDate: "2001-05-03"} // the page makes a number
	s := r.begin()
	p, err := r.finish(s, r.answer(s, identitytest.Choice{As: as}))
	if err != nil || p.Given != "Zoë" || p.Family != "D’Hondt" || !strings.HasPrefix(p.NationalNumber, "010503") {
		t.Errorf("got %q %q, %v", p.Given, p.Family, err)
	}
	// The same person has the same subject; somebody else another.
	s = r.begin()
	again, _ := r.finish(s, r.answer(s, identitytest.Choice{As: as}))
	lotte, _ := r.identify()
	if again.Subject != p.Subject || lotte.Subject == p.Subject {
		t.Errorf("subjects %q %q %q", p.Subject, again.Subject, lotte.Subject)
	}
}

func TestFinishAcceptsWhatIsOnlyUnusual(t *testing.T) {
	t.Parallel()
	for _, fault := range []identitytest.Fault{
		identitytest.OneAudience, identitytest.CapitalACR, identitytest.NoGivenName, identitytest.UnreadableBirth,
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.idp.SetFault(fault)
			p, err := r.identify()
			if err != nil || p.Level != identity.LevelHigh || p.Family != "Peeters" {
				t.Fatalf("family %q level %q, %v", p.Family, p.Level, err)
			}
			if fault == identitytest.UnreadableBirth && p.BirthDate != "" {
				t.Errorf("BirthDate = %q, want none", p.BirthDate)
			}
		})
	}
}

func TestFinishGivesUpOnASilentProvider(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *oidc.Config) { c.HTTPClient.Timeout = 300 * time.Millisecond })
	s := r.begin()
	q := r.answer(s, identitytest.Choice{Person: "lotte"})
	r.idp.SetFault(identitytest.TokenHangs)
	p, err := r.finish(s, q)
	wantRefusal(t, p, err, oidc.ErrUnavailable)
	p, err = finish(cancelled(), r.rp, s, q, time.Now())
	wantRefusal(t, p, err, oidc.ErrUnavailable)
}

func TestFinishChecksTheAnswerBeforeAnything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.begin()
	good := url.Values{"state": {s.State}, "code": {"c"}, "iss": {r.idp.Issuer()}}
	with := func(name string, values ...string) url.Values {
		q := url.Values{}
		for k, v := range good {
			q[k] = v
		}
		q[name] = values
		return q
	}
	failed := func(code string) url.Values {
		return url.Values{"state": {s.State}, "iss": {r.idp.Issuer()}, "error": {code}}
	}
	for name, c := range map[string]struct {
		saved start
		query url.Values
		want  error
	}{
		"nothing begun":          {start{}, url.Values{"state": {""}, "code": {"c"}}, oidc.ErrState},
		"no verifier":            {start{State: s.State, Nonce: s.Nonce}, good, oidc.ErrState},
		"no nonce":               {start{State: s.State, Verifier: s.Verifier}, good, oidc.ErrState},
		"empty query":            {s, nil, oidc.ErrState},
		"no state":               {s, with("state"), oidc.ErrState},
		"other state":            {s, with("state", "x"), oidc.ErrState},
		"state twice":            {s, with("state", s.State, s.State), oidc.ErrState},
		"code twice":             {s, with("code", "c", "d"), oidc.ErrState},
		"no code":                {s, with("code"), oidc.ErrState},
		"long code":              {s, with("code", strings.Repeat("c", 3000)), oidc.ErrState},
		"code and error":         {s, with("error", "access_denied"), oidc.ErrState},
		"iss twice":              {s, with("iss", r.idp.Issuer(), r.idp.Issuer()), oidc.ErrState},
		"iss with slash":         {s, with("iss", r.idp.Issuer()+"/"), oidc.ErrState},
		"no iss":                 {s, with("iss"), oidc.ErrState},
		"error of another state": {s, url.Values{"state": {"x"}, "error": {"access_denied"}}, oidc.ErrState},
		"made-up code":           {s, good, oidc.ErrCode},
		"refused":                {s, failed("access_denied"), oidc.ErrRefused},
		"login":                  {s, failed("login_required"), oidc.ErrRefused},
		"interaction":            {s, failed("interaction_required"), oidc.ErrRefused},
		"out of order":           {s, failed("temporarily_unavailable"), oidc.ErrUnavailable},
		"out of order, misspelt": {s, failed("temporary_unavailable"), oidc.ErrUnavailable},
		"server error":           {s, failed("server_error"), oidc.ErrUnavailable},
		"consent":                {s, failed("consent_required"), oidc.ErrRefused},
		"request address":        {s, failed("invalid_request_uri"), oidc.ErrConfig},
		"request":                {s, failed("invalid_request"), oidc.ErrConfig},
		"request kind":           {s, failed("unsupported_request"), oidc.ErrConfig},
		"display":                {s, failed("unsupported_display"), oidc.ErrConfig},
		"response type":          {s, failed("unsupported_response_type"), oidc.ErrConfig},
		"client name":            {s, failed("invalid_client_id"), oidc.ErrConfig},
		"redirect address":       {s, failed("invalid_redirect_uri"), oidc.ErrConfig},
		"scope":                  {s, failed("invalid_scope"), oidc.ErrConfig},
		"request object":         {s, failed("invalid_request_object"), oidc.ErrConfig},
		"client":                 {s, failed("unauthorized_client"), oidc.ErrConfig},
		"unheard-of error":       {s, failed("<script>\n"), oidc.ErrConfig},
		"empty error":            {s, failed(""), oidc.ErrConfig},
	} {
		p, err := r.finish(c.saved, c.query)
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, p, err, c.want)
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("error text breaks the line: %q", err)
			}
		})
	}
}

func TestPersonRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.begin()
	p, err := r.finish(s, r.answer(s, identitytest.Choice{Refuse: true}))
	wantRefusal(t, p, err, oidc.ErrRefused)
}

func TestCodeServesOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.begin()
	q := r.answer(s, identitytest.Choice{Person: "karim"})
	var proofs atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			p, err := r.finish(s, q)
			if err == nil {
				proofs.Add(1)
				return
			}
			wantRefusal(t, p, err, oidc.ErrCode)
		})
	}
	all.Wait()
	if proofs.Load() != 1 {
		t.Errorf("%d proofs of one code, want 1", proofs.Load())
	}
}

func TestFinishRefusesAForeignStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine, other := r.begin(), r.begin()
	for name, change := range map[string]func(*start){
		"verifier": func(s *start) { s.Verifier = other.Verifier },
		"nonce":    func(s *start) { s.Nonce = other.Nonce },
	} {
		s := mine
		q := r.answer(mine, identitytest.Choice{Person: "jan"})
		change(&s)
		p, err := r.finish(s, q)
		wantRefusal(t, p, err, map[string]error{"verifier": oidc.ErrCode, "nonce": oidc.ErrToken}[name])
	}
	// An answer to one browser does not serve in another.
	p, err := r.finish(other, r.answer(mine, identitytest.Choice{Person: "jan"}))
	wantRefusal(t, p, err, oidc.ErrState)
}

func TestFinishHoldsTheTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, at := range map[string]time.Duration{"too late": 6 * time.Minute, "a test clock": 16 * 24 * time.Hour, "too early": -2 * time.Minute} {
		s := r.begin()
		q := r.answer(s, identitytest.Choice{Person: "jan"})
		p, err := finish(t.Context(), r.rp, s, q, time.Now().Add(at))
		if err == nil || p.Subject != "" {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestProviderRefusesUs(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	t.Run("service", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *oidc.Config) { c.Service = "SOMEBODY_ELSES" })
		s := r.begin()
		p, err := r.finish(s, r.answer(s, identitytest.Choice{Person: "jan"}))
		wantRefusal(t, p, err, oidc.ErrConfig)
	})
	t.Run("assertion audience", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *oidc.Config) { c.AssertionAudience = c.Issuer })
		p, err := r.identify()
		wantRefusal(t, p, err, oidc.ErrConfig)
	})
	t.Run("signing key not published", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		cfg := r.cfg
		cfg.SigningKey = keys[3]
		var err error
		if r.rp, err = oidc.New(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		p, err := r.identify()
		wantRefusal(t, p, err, oidc.ErrConfig)
	})
	t.Run("redirect address", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *oidc.Config) { c.RedirectURL += "&more=1" })
		if to, err := identitytest.Answer(t.Context(), http.DefaultClient, r.begin().URL, identitytest.Choice{Person: "jan"}); err == nil {
			t.Errorf("sent on to %s", to)
		}
	})
}

func TestLevelAskedIsConfiguration(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *oidc.Config) { c.ACR = oidc.ACRBasic })
	for _, fault := range []identitytest.Fault{identitytest.None, identitytest.NoACR} {
		r.idp.SetFault(fault)
		p, err := r.identify()
		if err != nil || p.Level != identity.LevelSubstantial {
			t.Errorf("%q: level %q, %v", fault, p.Level, err)
		}
	}
}
