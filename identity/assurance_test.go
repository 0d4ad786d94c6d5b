package identity_test

import (
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// TestAssurance holds our own policy to what the law allows for each part: see
// the sources named in assurance.go. A code or a password alone is in no row.
func TestAssurance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const high, substantial, none = identity.LevelHigh, identity.LevelSubstantial, identity.LevelNone
	for _, c := range []struct {
		method                     string
		claimed                    identity.Level
		recipient, sender, asAgain identity.Level
	}{
		{identity.MethodItsme, high, high, high, high},
		{identity.MethodItsme, substantial, substantial, substantial, substantial},
		{identity.MethodWebEID, high, high, high, high},
		{identity.MethodCard, high, high, high, high},
		{identity.MethodWallet, high, high, high, high},
		{identity.MethodStatement, high, high, high, high},
		{identity.MethodStatement, substantial, none, substantial, substantial}, // an advanced signature does for senders only
		{identity.MethodLuxTrust, substantial, none, none, substantial},         // a sign-in there is not notified
		{identity.MethodPasskey, high, high, high, high},
		{identity.MethodTOTP, high, none, substantial, substantial},
		{identity.MethodItsme, identity.LevelLow, none, none, none},
		{identity.MethodPassword, high, none, none, none},
		{identity.MethodRecovery, high, none, none, none},
		{identity.MethodReproofed, high, none, none, none},
		{"email-code", high, none, none, none},
		{"sms-code", high, none, none, none},
		{"", high, none, none, none},
	} {
		for purpose, want := range map[identity.Purpose]identity.Level{
			identity.RecipientProofing: c.recipient, identity.SenderProofing: c.sender, identity.Authentication: c.asAgain, "other": none,
		} {
			if got := b.Assurance().Grant(purpose, c.method, c.claimed); got != want {
				t.Errorf("%s claims %q for %s: granted %q, want %q", c.method, c.claimed, purpose, got, want)
			}
		}
	}
}

func TestReadAssurance(t *testing.T) {
	t.Parallel()
	row := `{"method":"x","claimed":"substantial","recipient_proofing":"low","sender_proofing":"substantial","authentication":""}`
	a, err := identity.ReadAssurance(strings.NewReader(`{"version":"2","rows":[` + row + `]}`))
	if err != nil || a.Version != "2" || a.Grant(identity.SenderProofing, "x", identity.LevelSubstantial) != identity.LevelSubstantial {
		t.Fatalf("%+v, %v", a, err)
	}
	for what, in := range map[string]string{
		"nothing":               ``,
		"no version":            `{"rows":[` + row + `]}`,
		"a row twice":           `{"version":"2","rows":[` + row + `,` + row + `]}`,
		"above the claim":       `{"version":"2","rows":[` + strings.Replace(row, `"low"`, `"high"`, 1) + `]}`,
		"no such level":         `{"version":"2","rows":[` + strings.Replace(row, `"low"`, `"medium"`, 1) + `]}`,
		"a column of its own":   `{"version":"2","rows":[` + strings.Replace(row, `{`, `{"note":"",`, 1) + `]}`,
		"a version like a book": `{"version":"` + strings.Repeat("x", 61) + `","rows":[]}`,
	} {
		if _, err := identity.ReadAssurance(strings.NewReader(in)); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}
