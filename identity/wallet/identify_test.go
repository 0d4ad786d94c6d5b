package wallet

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

var (
	_ identity.Means    = (*Wallet)(nil)
	_ identity.Receiver = (*Wallet)(nil)
)

func formats() []string { return []string{wallettest.FormatSDJWT, wallettest.FormatMDoc} }

func TestIdentify(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, format := range formats() {
		for _, f := range []wallettest.Fault{wallettest.None, wallettest.ShortLived, wallettest.WithPartyInfo, wallettest.AES256, wallettest.NoNumber, wallettest.BadNumber} {
			t.Run(format+" "+string(f), func(t *testing.T) {
				t.Parallel()
				p, err := r.identify(t, r.wallet(format, f))
				if err != nil {
					t.Fatal(err)
				}
				number := "85073099734"
				if f == wallettest.NoNumber || f == wallettest.BadNumber {
					number = ""
				}
				if p.Method != identity.MethodWallet || p.Provider != "Demo PID provider" || p.Level != identity.LevelHigh || p.Family != "Peeters" ||
					p.Given != "Lotte" || p.BirthDate != "1985-07-30" || p.NationalNumber != number || p.DocumentExpires == "" || p.Claims["issuing_country"] != "BE" {
					t.Errorf("proof %+v", p)
				}
				if want := map[string]string{wallettest.FormatSDJWT: artefactSDJWT, wallettest.FormatMDoc: artefactMDoc}[format]; p.Artefact != want {
					t.Errorf("artefact %q, want %q", p.Artefact, want)
				}
				if strings.Contains(p.Subject, "85073099734") {
					t.Error("the subject shows the number")
				}
				again, err := r.means.Reverify(p.Token, p.At)
				if err != nil || again.Subject != p.Subject || again.Family != p.Family || again.NationalNumber != p.NationalNumber {
					t.Errorf("verified again: %+v, %v", again, err)
				}
			})
		}
	}
}

// A person stays one subject in both formats and with each new PID, and two
// people of one name are two.
func TestSubject(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	subject := func(format string, f wallettest.Fault) string {
		p, err := r.identify(t, r.wallet(format, f))
		if err != nil {
			t.Fatal(err)
		}
		return p.Subject
	}
	if a, b := subject(wallettest.FormatSDJWT, ""), subject(wallettest.FormatMDoc, ""); a != b {
		t.Errorf("subjects %s and %s", a, b)
	}
	if a, b := subject(wallettest.FormatSDJWT, wallettest.NoNumber), subject(wallettest.FormatSDJWT, wallettest.NoNumber); a == b {
		t.Error("two holders of the same names are one subject")
	}
}

// refusal is how a fault ends: at the verifier's door, or in Finish.
type refusal struct {
	fault   wallettest.Fault
	formats []string // both when nil
	want    error    // nil: refused at the door
}

func refusals() []refusal {
	sdjwt, mdoc := []string{wallettest.FormatSDJWT}, []string{wallettest.FormatMDoc}
	return []refusal{
		{wallettest.ForeignIssuer, nil, ErrCredential}, {wallettest.SelfSigned, nil, ErrCredential}, {wallettest.AuthorityIssues, nil, ErrCredential},
		{wallettest.ExpiredIssuer, nil, ErrCredential}, {wallettest.Expired, nil, ErrCredential}, {wallettest.NotYet, nil, ErrCredential},
		{wallettest.OtherType, nil, ErrCredential}, {wallettest.OtherCountry, nil, ErrCredential}, {wallettest.NoFamilyName, nil, ErrCredential},
		{wallettest.BadBirthDate, nil, ErrCredential}, {wallettest.ControlInName, nil, ErrCredential}, {wallettest.ForgedName, nil, ErrPresentation},
		{wallettest.DisclosedTwice, nil, ErrPresentation},

		{wallettest.Revoked, nil, ErrCredential}, {wallettest.Suspended, nil, ErrCredential}, {wallettest.NoStatus, nil, ErrCredential},
		{wallettest.UnknownStatus, nil, ErrCredential}, {wallettest.StatusElsewhere, nil, ErrCredential},
		{wallettest.StatusBeyond, nil, ErrCredential}, {wallettest.StatusNegative, nil, ErrCredential},

		{wallettest.AlgNone, sdjwt, ErrPresentation}, {wallettest.HS256, sdjwt, ErrPresentation}, {wallettest.HeaderKey, sdjwt, ErrPresentation},
		{wallettest.HeaderURL, sdjwt, ErrPresentation}, {wallettest.CriticalExt, sdjwt, ErrPresentation}, {wallettest.PlainJWT, sdjwt, ErrPresentation},
		{wallettest.Overriding, sdjwt, ErrPresentation}, {wallettest.DisclosedType, sdjwt, ErrPresentation}, {wallettest.Unreferenced, sdjwt, ErrPresentation},
		{wallettest.TwiceInJSON, sdjwt, ErrPresentation}, {wallettest.WeakDigest, sdjwt, ErrPresentation}, {wallettest.DeepJSON, sdjwt, ErrPresentation},

		{wallettest.NoBinding, nil, ErrPresentation}, {wallettest.ForeignHolder, nil, ErrPresentation}, {wallettest.NoHolderKey, nil, ErrPresentation},
		{wallettest.OtherNonce, sdjwt, ErrSession}, {wallettest.BareAudience, sdjwt, ErrSession}, {wallettest.OtherAudience, sdjwt, ErrSession},
		{wallettest.StaleBinding, sdjwt, ErrSession}, {wallettest.FutureBinding, sdjwt, ErrSession}, {wallettest.OtherHash, sdjwt, ErrPresentation},
		{wallettest.BindingNone, sdjwt, ErrPresentation}, {wallettest.BindingType, sdjwt, ErrPresentation},
		{wallettest.OtherNonce, mdoc, ErrPresentation}, {wallettest.BareAudience, mdoc, ErrPresentation}, {wallettest.OtherAudience, mdoc, ErrPresentation},
		{wallettest.OtherAddress, mdoc, ErrPresentation}, {wallettest.OtherKey, mdoc, ErrPresentation},

		{wallettest.WithMAC, mdoc, ErrPresentation}, {wallettest.TwoDocuments, mdoc, ErrPresentation}, {wallettest.DeepCBOR, mdoc, ErrPresentation},
		{wallettest.TwiceInCBOR, mdoc, ErrPresentation}, {wallettest.Indefinite, mdoc, ErrPresentation}, {wallettest.TrailingCBOR, mdoc, ErrPresentation},
		{wallettest.WeakSalt, mdoc, ErrPresentation}, {wallettest.CriticalCOSE, mdoc, ErrPresentation},

		{wallettest.BareAnswer, nil, nil}, {wallettest.OtherKID, nil, nil}, {wallettest.WrongKey, nil, nil}, {wallettest.CBCAnswer, nil, nil},
		{wallettest.WrappedKey, nil, nil}, {wallettest.Compressed, nil, nil}, {wallettest.OtherState, nil, nil}, {wallettest.NoState, nil, nil},
		{wallettest.UnaskedQuery, nil, nil}, {wallettest.BothFormats, nil, nil}, {wallettest.TwoOfOne, nil, nil}, {wallettest.NotAString, nil, nil},
		{wallettest.HugeAnswer, nil, nil},
	}
}

// Every fault identifies nobody, and ends as it should.
func TestIdentifyRefusesHostile(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range refusals() {
		for _, format := range formats() {
			if c.formats != nil && !slices.Contains(c.formats, format) {
				continue
			}
			t.Run(format+" "+string(c.fault), func(t *testing.T) {
				t.Parallel()
				p, err := r.identify(t, r.wallet(format, c.fault))
				switch atDoor, ok := errors.AsType[*wallettest.StatusError](err); {
				case err == nil:
					t.Errorf("identified %+v", p)
				case c.want == nil && (!ok || atDoor.Status != 400):
					t.Errorf("error = %v, want 400 at the door", err)
				case c.want != nil && !errors.Is(err, c.want):
					t.Errorf("error = %v, want %v", err, c.want)
				}
			})
		}
	}
}

// Whatever is wrong with the status list, nobody is identified; an operator may
// choose otherwise, and then it is written down.
func TestStatusListHostile(t *testing.T) {
	t.Parallel()
	for _, f := range []wallettest.Fault{wallettest.ListDown, wallettest.ListRedirect, wallettest.ListHTML, wallettest.ListForeign, wallettest.ListOther,
		wallettest.ListExpired, wallettest.ListFuture, wallettest.ListBomb, wallettest.ListNone} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			closed, open := newRig(t, nil), newRig(t, func(c *Config) { c.StatusOpen = true })
			closed.issuer.SetFault(f)
			open.issuer.SetFault(f)
			if _, err := closed.identify(t, closed.wallet(wallettest.FormatSDJWT, "")); !errors.Is(err, ErrStatus) || !errors.Is(err, identity.ErrLoginUnavailable) {
				t.Errorf("error = %v, want ErrStatus", err)
			}
			p, err := open.identify(t, open.wallet(wallettest.FormatMDoc, ""))
			if err != nil || !slices.Contains(p.Checks, identity.Check{Name: "status", Result: "unavailable"}) {
				t.Errorf("checks %v, %v", p.Checks, err)
			}
		})
	}
}

// A status list is asked once for as long as it says, and a revocation is seen
// after that.
func TestStatusListKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.begin(t)
	w := r.wallet(wallettest.FormatSDJWT, "")
	request, err := w.Open(t.Context(), c.URL)
	if err != nil {
		t.Fatal(err)
	}
	redirect, err := w.Present(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := r.finish(t, c, redirect); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("status list was asked %d times", n)
	}
	r.issuer.Revoke()
	_, _, codes := cut(redirect)
	if _, err := r.means.Finish(t.Context(), c.Saved, identity.Answer{Values: codes, Direct: r.box.answer(c.Key)}, time.Now().Add(2*time.Minute)); !errors.Is(err, ErrCredential) {
		t.Errorf("after it was revoked: %v", err)
	}
}
