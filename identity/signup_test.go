package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

func newcomer(email string) identity.NewSignUp {
	return identity.NewSignUp{Given: "Noor", Family: "Janssens", Email: email, Mobile: "+32 471 00 00 01", Language: "fr", Password: password,
		Country: "BE", Address: []string{"Kerkstraat 1", "3000 Leuven"}, Online: "1",
		Agreed: []identity.Consent{{Text: "terms", Version: "1", Language: "fr"}, {Text: "privacy", Version: "1", Language: "fr"}}}
}

const newMobile = "+32471000001"

// R1, R4: both addresses proven, consent recorded with its version.
func TestSignUp(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	token := must(b.StartSignUp(ctx, newcomer("Noor@Post.Example"), ip))(t)
	u := must(b.SignUp(ctx, token))(t)
	if u.Email != "noor@post.example" || u.Mobile != newMobile || u.EmailProven || u.SMSProven || u.Language != "fr" {
		t.Errorf("sign-up %+v", u)
	}
	if n := b.count(`SELECT count(*) FROM sign_up WHERE sign_up::text LIKE '%oor%' OR sign_up::text LIKE '%argon%'`); n != 0 {
		t.Error("what was filled in stands in the clear")
	}
	finish := func() error { _, _, err := b.FinishSignUp(ctx, token, ip, agent); return err }
	b.want(finish(), identity.ErrToken, "nothing proven")
	mail, sms := b.codeTo("noor@post.example"), b.codeTo(newMobile)
	b.want(b.ProveSignUp(ctx, token, "email", sms), identity.ErrCode, "the code of the other address")
	b.want(b.ProveSignUp(ctx, token, "fax", mail), identity.ErrInvalid, "no such channel")
	b.want(b.ProveSignUp(ctx, strings.Repeat("A", 43), "email", mail), identity.ErrToken, "another browser")
	b.want(b.ProveSignUp(ctx, token, "email", mail), nil, "e-mail")
	b.want(b.ProveSignUp(ctx, token, "email", mail), nil, "e-mail, pressed twice")
	b.want(finish(), identity.ErrToken, "one of two proven")
	b.want(b.ProveSignUp(ctx, token, "sms", mail), identity.ErrCode, "a used code on the other channel")
	b.want(b.ProveSignUp(ctx, token, "sms", sms), nil, "mobile")
	if ok := b.storm(func(int) error { return finish() }); ok != 1 {
		t.Errorf("%d of 16 opened the account", ok)
	}
	if n := b.count(`SELECT count(*) FROM account WHERE kind = 'private'`); n != 1 {
		t.Errorf("%d private accounts", n)
	}
	_, s, err := b.signIn("NOOR@post.example", password, "")
	b.want(err, nil, "sign in")
	if s.Role != identity.Administrator || s.AccountKind != identity.Private || s.Record != "" {
		t.Errorf("session %+v", s)
	}
	noor := s.Actor(ip, agent)
	h := must(b.Holding(ctx, noor))(t)
	if len(h.Consents) != 2 || h.Consents[0].Text != "terms" || h.Consents[0].Version != "1" || len(h.OnlineConsents) != 2 || !h.OnlineConsents[0].Given {
		t.Errorf("consents %+v, %+v", h.Consents, h.OnlineConsents)
	}
	contacts := must(b.Contacts(ctx, noor))(t)
	if len(contacts) != 2 || contacts[0].Value != "noor@post.example" || contacts[1].Value != newMobile || !contacts[0].Own || contacts[0].OnlineAt == nil || contacts[0].OnlineVersion != "1" {
		t.Errorf("contacts %+v", contacts)
	}
	for _, secret := range []string{token, mail, sms, password, "noor@post.example", newMobile} {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	b.want(b.Restrict(ctx, noor, false), nil, "an act")
	if all := must(b.Accesses(ctx, noor, "", 1))(t); all[0].Language != "fr" || all[0].UserAgent != agent {
		t.Errorf("R6: the log does not say the language chosen: %+v", all[0])
	}
	if all := must(b.Accesses(ctx, noor, "", 10))(t); all[len(all)-1].Action != "account_opened" || all[len(all)-1].IP != ip {
		t.Errorf("log %+v", all)
	}
}

func TestSignUpRefuses(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	for name, spoil := range map[string]func(*identity.NewSignUp){
		"no name":             func(n *identity.NewSignUp) { n.Family = " " },
		"no address":          func(n *identity.NewSignUp) { n.Email = "" },
		"no real address":     func(n *identity.NewSignUp) { n.Email = "noor" },
		"two addresses":       func(n *identity.NewSignUp) { n.Email = "a@b.example, c@d.example" },
		"address with a name": func(n *identity.NewSignUp) { n.Email = "Noor <noor@post.example>" },
		"header in address":   func(n *identity.NewSignUp) { n.Email = "noor@post.example\r\nBcc: x@y.example" },
		"folded look-alike":   func(n *identity.NewSignUp) { n.Email = "noor@ｐost.example" },
		"no mobile":           func(n *identity.NewSignUp) { n.Mobile = "" },
		"national mobile":     func(n *identity.NewSignUp) { n.Mobile = "0471 00 00 01" },
		"language":            func(n *identity.NewSignUp) { n.Language = "es" },
		"country":             func(n *identity.NewSignUp) { n.Country = "België" },
		"long address":        func(n *identity.NewSignUp) { n.Address = make([]string, 9) },
		"short password":      func(n *identity.NewSignUp) { n.Password = "kort" },
		"own name":            func(n *identity.NewSignUp) { n.Password = "janssens1234" },
		"common password":     func(n *identity.NewSignUp) { n.Password = "password1234" },
		"nothing agreed":      func(n *identity.NewSignUp) { n.Agreed = nil },
		"terms not agreed":    func(n *identity.NewSignUp) { n.Agreed = n.Agreed[1:] },
		"agreed to nothing":   func(n *identity.NewSignUp) { n.Agreed[0].Version = "" },
	} {
		n := newcomer("noor@post.example")
		n.Agreed = slices.Clone(n.Agreed)
		spoil(&n)
		_, err := b.StartSignUp(t.Context(), n, ip)
		b.want(err, identity.ErrInvalid, name)
	}
	if n := b.count(`SELECT count(*) FROM told`) + b.count(`SELECT count(*) FROM sign_up`); n != 0 {
		t.Errorf("%d traces of what was refused", n)
	}
	for _, token := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("é", 43)} {
		_, err := b.SignUp(t.Context(), token)
		b.want(err, identity.ErrToken, "no sign-up")
		b.want(b.SendSignUpCode(t.Context(), token, "email", ip), identity.ErrToken, "no sign-up")
		_, _, err = b.FinishSignUp(t.Context(), token, ip, agent)
		b.want(err, identity.ErrToken, "no sign-up")
	}
}

// Whoever has an account is told so by mail, and the stranger sees nothing: the
// same answer, hashes, statements and messages.
func TestSignUpLooksAlike(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	b.want(b.ProveContact(ctx, identity.System, b.admin, "email", "Second@Acme.example"), nil, "further address")
	work := func(email string) (string, []string, int64, int) {
		t.Helper()
		hashes, notes := b.Hashes(), b.count(`SELECT count(*) FROM told`)
		var token string
		all := b.asked(func() { token = must(b.StartSignUp(ctx, newcomer(email), ip))(t) })
		return token, all, b.Hashes() - hashes, b.count(`SELECT count(*) FROM told`) - notes
	}
	_, fresh, hashes, notes := work("noor@post.example")
	for _, taken := range []string{"an@acme.example", "AN@acme.example", "second@acme.example"} {
		token, all, h, n := work(taken)
		if !slices.Equal(all, fresh) || h != hashes || n != notes || h != 1 || n != 2 {
			t.Errorf("%s: %d statements, %d hashes, %d notes; fresh: %d, %d, %d", taken, len(all), h, n, len(fresh), hashes, notes)
		}
		u := must(b.SignUp(ctx, token))(t)
		if got := b.last(identity.NoteAccountExists); got.To != strings.ToLower(taken) || got.Channel != "email" {
			t.Errorf("told %+v", got)
		}
		if n := b.count(`SELECT count(*) FROM told WHERE address = $1 AND kind = 'contact_code'`, u.Email); n != 0 {
			t.Error("a code went to an address with an account")
		}
		b.want(b.ProveSignUp(ctx, token, "sms", b.codeTo(newMobile)), nil, "the own mobile")
		b.want(b.SendSignUpCode(ctx, token, "email", ip), nil, "another code")
		if n := b.count(`SELECT count(*) FROM told WHERE address = $1 AND kind = 'contact_code'`, u.Email); n != 0 {
			t.Error("a code went to an address with an account")
		}
		b.forward(time.Hour)
	}
	// Two who sign up with one address: the second finds it taken.
	first, second := must(b.StartSignUp(ctx, newcomer("duo@post.example"), ip))(t), ""
	mail, sms := b.codeTo("duo@post.example"), b.codeTo(newMobile)
	second = must(b.StartSignUp(ctx, newcomer("duo@post.example"), ip))(t)
	for token, codes := range map[string][2]string{first: {mail, sms}, second: {b.codeTo("duo@post.example"), b.codeTo(newMobile)}} {
		b.want(b.ProveSignUp(ctx, token, "email", codes[0]), nil, "e-mail")
		b.want(b.ProveSignUp(ctx, token, "sms", codes[1]), nil, "mobile")
	}
	_, _, err := b.FinishSignUp(ctx, first, ip, agent)
	b.want(err, nil, "the first")
	_, _, err = b.FinishSignUp(ctx, second, ip, agent)
	b.want(err, identity.ErrLoginTaken, "the second")
	// Meanwhile an account holder proved the address as a further one.
	b.forward(time.Hour)
	third := must(b.StartSignUp(ctx, newcomer("trio@post.example"), ip))(t)
	b.want(b.ProveSignUp(ctx, third, "email", b.codeTo("trio@post.example")), nil, "e-mail")
	b.want(b.ProveSignUp(ctx, third, "sms", b.codeTo(newMobile)), nil, "mobile")
	b.want(b.ProveContact(ctx, identity.System, b.admin, "email", "trio@post.example"), nil, "further address")
	_, _, err = b.FinishSignUp(ctx, third, ip, agent)
	b.want(err, identity.ErrLoginTaken, "an address of somebody")
}

// A reset that is asked for a login nobody has does the same, and mails nobody.
func TestResetLooksAlike(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ask := func(login string) []string {
		return b.asked(func() { b.want(b.AskReset(t.Context(), login, ip), nil, login) })
	}
	known := ask("an")
	for _, login := range []string{"nobody", "", "an\x00", "' OR '1'='1", strings.Repeat("a", 1<<16)} {
		if unknown := ask(login); !slices.Equal(known, unknown) {
			t.Errorf("%.20q: %d statements, a known login %d", login, len(unknown), len(known))
		}
		n := b.last(identity.NotePasswordReset)
		if _, err := b.NoteFacts(t.Context(), n); n.To == "an@acme.example" {
			t.Errorf("%.20q: mailed to %s", login, n.To)
		} else {
			b.want(err, identity.ErrStale, "a reset of nobody")
		}
		b.forward(time.Minute)
	}
}

// Codes go to an address a few times; a stranger can delay its owner by minutes,
// not stop the owner.
func TestSignUpLimits(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	start := func(email, from string) error { _, err := b.StartSignUp(ctx, newcomer(email), from); return err }
	var locked int
	for range 40 {
		if start("noor@post.example", "198.51.100.1") != nil {
			locked++
		}
	}
	if sent := b.count(`SELECT count(*) FROM told WHERE address = 'noor@post.example'`); locked == 0 || sent > 6 {
		t.Errorf("%d mails to one address from one network, %d refused", sent, locked)
	}
	b.want(start("noor@post.example", "203.0.113.5"), nil, "the owner, meanwhile")
	for i := range 200 { // from everywhere
		start("noor@post.example", "2001:db8:"+string("0123456789abcdef"[i%16])+string("0123456789abcdef"[i/16])+"::1")
	}
	if sent := b.count(`SELECT count(*) FROM told WHERE address = 'noor@post.example'`); sent > 17 {
		t.Errorf("%d mails to one address from everywhere", sent)
	}
	for i := range 24 { // and on, as often as the limit lets them
		start("noor@post.example", fmt.Sprintf("2001:db8:ffff:%x::1", i))
		b.forward(5*time.Minute + time.Second)
	}
	b.want(start("noor@post.example", "203.0.113.5"), nil, "the owner, minutes later")
	for range 20 {
		err := start("x"+time.Now().Format("150405.000000000")+"@post.example", "198.51.100.2")
		if err != nil {
			b.want(err, identity.ErrLocked, "one network, many addresses")
			return
		}
	}
	t.Error("one network may send codes without end")
}

func TestSignUpEnds(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	ctx := t.Context()
	token := must(b.StartSignUp(ctx, newcomer("noor@post.example"), ip))(t)
	code := b.codeTo("noor@post.example")
	for range 5 {
		b.want(b.ProveSignUp(ctx, token, "email", "000000x"), identity.ErrCode, "guess")
	}
	b.want(b.ProveSignUp(ctx, token, "email", code), identity.ErrTooManyCodes, "right after five guesses")
	b.want(b.SendSignUpCode(ctx, token, "email", ip), nil, "another code")
	b.forward(10 * time.Minute)
	b.want(b.ProveSignUp(ctx, token, "email", b.codeTo("noor@post.example")), identity.ErrCode, "an old code")
	b.forward(50 * time.Minute)
	_, err := b.SignUp(ctx, token)
	b.want(err, identity.ErrToken, "an hour later")
	b.want(b.Sweep(ctx), nil, "sweep")
	b.forward(time.Second)
	b.want(b.Sweep(ctx), nil, "sweep")
	if n := b.count(`SELECT count(*) FROM sign_up`); n != 0 {
		t.Errorf("%d sign-ups outlived their hour", n)
	}
}
