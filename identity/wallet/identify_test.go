package wallet

import (
	"bytes"
	"errors"
	"log/slog"
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

// refusal is how a fault ends: refused at the door when want is nil, or in Finish,
// with the error and for the reason of its format.
type refusal struct {
	fault       wallettest.Fault
	want        error
	sdjwt, mdoc string // "-" where the fault does not exist
}

func refusals() []refusal {
	const sig, cbor, json = "signature does not verify", "malformed CBOR", "malformed JSON"
	return []refusal{
		{wallettest.ForeignIssuer, ErrCredential, "provider is not known", "provider is not known"},
		{wallettest.SelfSigned, ErrCredential, "self-signed", "self-signed"},
		{wallettest.AuthorityIssues, ErrCredential, "authority's own", "authority's own"},
		{wallettest.ExpiredIssuer, ErrCredential, "certificate expired", "certificate expired"},
		{wallettest.Expired, ErrCredential, "accepted: expired", "accepted: expired"},
		{wallettest.NotYet, ErrCredential, "not yet valid", "not yet valid"},
		{wallettest.SignedEarly, ErrCredential, "-", "outside the life"},
		{wallettest.OtherType, ErrCredential, "type \"urn:eudi:ehic:1\"", "type \"org.iso.18013.5.1.mDL\""},
		{wallettest.OtherCountry, ErrCredential, "is not the provider's", "is not the provider's"},
		{wallettest.NoFamilyName, ErrCredential, "family_name is missing", "family_name is missing"},
		{wallettest.NoGivenName, ErrCredential, "given_name is missing", "given_name is missing"},
		{wallettest.NoExpiry, ErrCredential, "date_of_expiry is missing", "expiry_date is missing"},
		{wallettest.BadBirthDate, ErrCredential, "birth date is malformed", "birth date is malformed"},
		{wallettest.ControlInName, ErrCredential, "family_name is missing or malformed", "family_name is missing or malformed"},
		{wallettest.ForgedName, ErrPresentation, "answers to no digest", "does not match its digest"},
		{wallettest.DisclosedTwice, ErrPresentation, "stands twice", "stands twice"},

		{wallettest.Revoked, ErrCredential, "revoked", "revoked"},
		{wallettest.Suspended, ErrCredential, "status 2", "status 2"},
		{wallettest.NoStatus, ErrCredential, "cannot be revoked", "cannot be revoked"},
		{wallettest.UnknownStatus, ErrCredential, "of a kind we do not know", "of a kind we do not know"},
		{wallettest.StatusElsewhere, ErrCredential, "where we do not look", "where we do not look"},
		{wallettest.StatusBeyond, ErrCredential, "ends before it", "ends before it"},
		{wallettest.StatusNegative, ErrCredential, "status is malformed", "status is malformed"},

		{wallettest.AlgNone, ErrPresentation, "alg \"none\" is not allowed", "-"},
		{wallettest.HS256, ErrPresentation, "alg \"HS256\" is not allowed", "-"},
		{wallettest.HeaderKey, ErrPresentation, sig, "-"},
		{wallettest.HeaderURL, ErrPresentation, "certificate of the signer is missing", "-"},
		{wallettest.CriticalExt, ErrPresentation, "critical", "-"},
		{wallettest.PlainJWT, ErrPresentation, "typ is \"JWT\"", "-"},
		{wallettest.Overriding, ErrPresentation, "overrides \"iat\"", "-"},
		{wallettest.DisclosedType, ErrPresentation, "overrides \"vct\"", "-"},
		{wallettest.Unreferenced, ErrPresentation, "answers to no digest", "-"},
		{wallettest.TwiceInJSON, ErrPresentation, json, "-"},
		{wallettest.WeakDigest, ErrPresentation, "_sd_alg", "-"},
		{wallettest.DeepJSON, ErrPresentation, json, "-"},

		{wallettest.NoBinding, ErrPresentation, "key binding is missing", "did not sign as we asked"},
		{wallettest.ForeignHolder, ErrPresentation, sig, sig},
		{wallettest.NoHolderKey, ErrPresentation, "cnf", "holder's key"},
		{wallettest.OtherNonce, ErrSession, "nonce", "-"},
		{wallettest.BareAudience, ErrSession, "aud", "-"},
		{wallettest.OtherAudience, ErrSession, "aud", "-"},
		{wallettest.StaleBinding, ErrSession, "not of now", "-"},
		{wallettest.FutureBinding, ErrSession, "not of now", "-"},
		{wallettest.OtherHash, ErrPresentation, "sd_hash", "-"},
		{wallettest.BindingNone, ErrPresentation, "alg \"none\"", "-"},
		{wallettest.BindingType, ErrPresentation, "typ is \"\"", "-"},
		{wallettest.OtherNonce, ErrPresentation, "-", "holder: " + sig},
		{wallettest.BareAudience, ErrPresentation, "-", "holder: " + sig},
		{wallettest.OtherAudience, ErrPresentation, "-", "holder: " + sig},
		{wallettest.OtherAddress, ErrPresentation, "-", "holder: " + sig},
		{wallettest.OtherKey, ErrPresentation, "-", "holder: " + sig},

		{wallettest.WithMAC, ErrPresentation, "-", "did not sign as we asked"},
		{wallettest.TwoDocuments, ErrPresentation, "-", "2 documents"},
		{wallettest.DeepCBOR, ErrPresentation, "-", cbor},
		{wallettest.TwiceInCBOR, ErrPresentation, "-", cbor},
		{wallettest.Indefinite, ErrPresentation, "-", cbor},
		{wallettest.TrailingCBOR, ErrPresentation, "-", cbor},
		{wallettest.WeakSalt, ErrPresentation, "-", "could be guessed"},
		{wallettest.CriticalCOSE, ErrPresentation, "-", "issuer: " + sig},

		{wallettest.BareAnswer, nil, "neither answer nor error", "neither answer nor error"},
		{wallettest.OtherKID, nil, "encrypted to another key", "encrypted to another key"},
		{wallettest.WrongKey, nil, "cannot be decrypted", "cannot be decrypted"},
		{wallettest.CBCAnswer, nil, "not encrypted as we asked", "not encrypted as we asked"},
		{wallettest.WrappedKey, nil, "not encrypted as we asked", "not encrypted as we asked"},
		{wallettest.Compressed, nil, "compressed", "compressed"},
		{wallettest.OtherState, nil, "state is of another request", "state is of another request"},
		{wallettest.NoState, nil, "state is of another request", "state is of another request"},
		{wallettest.UnaskedQuery, nil, "vp_token answers", "vp_token answers"},
		{wallettest.BothFormats, nil, "object with one answer", "object with one answer"},
		{wallettest.TwoOfOne, nil, "more than once", "more than once"},
		{wallettest.NotAString, nil, "presentation is no string", "presentation is no string"},
		{wallettest.HugeAnswer, nil, "", ""}, // not even read to its end
	}
}

// Every fault identifies nobody, for its own reason.
func TestIdentifyRefusesHostile(t *testing.T) {
	t.Parallel()
	for _, c := range refusals() {
		for format, why := range map[string]string{wallettest.FormatSDJWT: c.sdjwt, wallettest.FormatMDoc: c.mdoc} {
			if why == "-" {
				continue
			}
			t.Run(format+" "+string(c.fault), func(t *testing.T) {
				t.Parallel()
				var log bytes.Buffer
				r := newRig(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				p, err := r.identify(t, r.wallet(format, c.fault))
				switch atDoor, ok := errors.AsType[*wallettest.StatusError](err); {
				case err == nil:
					t.Errorf("identified %+v", p)
				case c.want == nil && (!ok || atDoor.Status != 400 || !strings.Contains(log.String(), why)):
					t.Errorf("error = %v, want 400 at the door: …%s…: %s", err, why, &log)
				case c.want != nil && (!errors.Is(err, c.want) || !strings.Contains(err.Error(), why)):
					t.Errorf("error = %v, want %v: …%s…", err, c.want, why)
				}
			})
		}
	}
}

// Whatever is wrong with the status list, nobody is identified; an operator may
// choose otherwise, and then it is written down.
func TestStatusListHostile(t *testing.T) {
	t.Parallel()
	for _, f := range []wallettest.Fault{wallettest.ListDown, wallettest.ListRedirect, wallettest.ListHTML, wallettest.ListText, wallettest.ListForged, wallettest.ListForeign, wallettest.ListOther,
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
