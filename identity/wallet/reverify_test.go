package wallet

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

// A kept proof verifies again without the network, also when the list says
// otherwise by now; nothing in it can be exchanged.
func TestReverify(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			p, err := r.identify(t, r.wallet(format, ""))
			if err != nil {
				t.Fatal(err)
			}
			r.issuer.Revoke()
			r.issuer.SetFault(wallettest.ListDown)
			asked := r.asked.Load()
			again, err := r.means.Reverify(p.Token, p.At)
			if err != nil || again.Family != p.Family || !slices.Contains(again.Checks, identity.Check{Name: "status", Result: "ok"}) {
				t.Errorf("%+v, %v", again, err)
			}
			if r.asked.Load() != asked {
				t.Error("the network was asked")
			}
			other, err := r.otherToken(t, format)
			if err != nil {
				t.Fatal(err)
			}
			for name, change := range map[string]func(*token){
				"nonce":            func(k *token) { k.Nonce = other.Nonce },
				"client":           func(k *token) { k.ClientID = "x509_hash:x" },
				"presentation":     func(k *token) { k.Presentation = other.Presentation },
				"query":            func(k *token) { k.Query = "" },
				"status elsewhere": func(k *token) { k.Status = strings.Replace(k.Status, ".", "..", 1) },
			} {
				var k token
				if err := json.Unmarshal(p.Token, &k); err != nil {
					t.Fatal(err)
				}
				change(&k)
				kept, err := json.Marshal(k)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.means.Reverify(kept, p.At); err == nil {
					t.Errorf("%s can be exchanged", name)
				}
			}
			for name, at := range map[string]time.Time{"years later": p.At.AddDate(3, 0, 0), "years before": p.At.AddDate(-3, 0, 0)} {
				if _, err := r.means.Reverify(p.Token, at); err == nil {
					t.Errorf("verified %s", name)
				}
			}
			if _, err := r.means.Reverify([]byte("{"), p.At); err == nil {
				t.Error("half a token")
			}
		})
	}
}

// otherToken is what a second identification, of another issuer's list, kept.
func (r *rig) otherToken(t *testing.T, format string) (k token, err error) {
	t.Helper()
	p, err := newRig(t, nil).identifyToken(t, format)
	if err == nil {
		err = json.Unmarshal(p, &k)
	}
	return k, err
}

func (r *rig) identifyToken(t *testing.T, format string) ([]byte, error) {
	t.Helper()
	p, err := r.identify(t, r.wallet(format, ""))
	return p.Token, err
}

// A list that is too long to keep with each proof is left out, and the record
// says so.
func TestReverifyWithoutList(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	kept, err := r.identifyToken(t, wallettest.FormatSDJWT)
	if err != nil {
		t.Fatal(err)
	}
	var k token
	if err := json.Unmarshal(kept, &k); err != nil {
		t.Fatal(err)
	}
	k.Status = ""
	if kept, err = json.Marshal(k); err != nil {
		t.Fatal(err)
	}
	p, err := r.means.Reverify(kept, time.Now())
	if err != nil || !slices.Contains(p.Checks, identity.Check{Name: "status", Result: "not kept"}) {
		t.Errorf("%+v, %v", p.Checks, err)
	}
}
