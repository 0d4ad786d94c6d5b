package wallet

import (
	"encoding/json"
	"io"
	"net/http"
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
			revoked := r.list(t, p.Token)
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
				"status revoked":   func(k *token) { k.Status = revoked },
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

// list is the status list that a kept presentation names, as it is now.
func (r *rig) list(t *testing.T, kept []byte) string {
	t.Helper()
	var k token
	if err := json.Unmarshal(kept, &k); err != nil {
		t.Fatal(err)
	}
	j, err := parseJWS(k.Status, "statuslist+jwt")
	if err != nil {
		t.Fatal(err)
	}
	claims, err := parseObject(j.payload)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(text(claims, "sub"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
