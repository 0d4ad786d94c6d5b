package eidtest

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"net/http"
	"strings"

	"golang.org/x/crypto/ocsp"
)

// Fault is one way for the responder to misbehave.
type Fault string

// The faults. None of them may identify anybody.
const (
	Honest           Fault = ""
	Unknown          Fault = "unknown"            // says that it does not know the certificate
	Stale            Fault = "stale"              // an hour old, and its time is over
	Old              Fault = "old"                // a day old, without an end
	Future           Fault = "future"             // an hour early
	NoNonce          Fault = "no nonce"           //
	OtherNonce       Fault = "other nonce"        //
	TwoNonces        Fault = "two nonces"         //
	OtherIssuer      Fault = "other issuer"       // about the same serial number of another CA
	OtherName        Fault = "other name"         // about the same serial number of a CA of another name
	Forged           Fault = "forged"             // in the name of the CA, with another key
	OtherSerial      Fault = "other serial"       // about another certificate
	Sibling          Fault = "sibling"            // signed with a card of the same CA
	NoPurpose        Fault = "no purpose"         // by a responder whose certificate lacks the purpose
	ExpiredResponder Fault = "expired responder"  //
	OtherCA          Fault = "other CA"           // by the responder of another CA
	Misnamed         Fault = "misnamed"           // names another responder than the one that signed
	BadSignature     Fault = "bad signature"      //
	WeakSignature    Fault = "weak signature"     // SHA-1
	NoCertificate    Fault = "no certificate"     // of the responder that signed
	TwoAnswers       Fault = "two answers"        //
	Critical         Fault = "critical extension" // unknown
	TryLater         Fault = "try later"          //
	Garbage          Fault = "garbage"            //
	Oversized        Fault = "oversized"          //
	Redirect         Fault = "redirect"           // to a place that would answer honestly
	Down             Fault = "down"               //
)

// Faults lists them all.
func Faults() []Fault {
	return []Fault{Unknown, Stale, Old, Future, NoNonce, OtherNonce, TwoNonces, OtherIssuer, OtherName, OtherSerial, Forged, Sibling, NoPurpose,
		ExpiredResponder, OtherCA, Misnamed, BadSignature, WeakSignature, NoCertificate, TwoAnswers, Critical, TryLater, Garbage,
		Oversized, Redirect, Down}
}

// These are no faults: the CA signs answers itself, does so and sends its
// certificate along; answers do not say when there will be newer ones.
const (
	Direct      Fault = "direct"
	DirectNamed Fault = "direct, with certificate"
	Endless     Fault = "endless"
)

// Misbehave makes the responder do so from now on.
func (a *Authority) Misbehave(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
}

// Asked is how many questions came in.
func (a *Authority) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// ServeHTTP answers OCSP requests by POST.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	fault := a.fault
	a.asked++
	a.mu.Unlock()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/ocsp-request" {
		http.Error(w, "an OCSP request by POST, please", http.StatusBadRequest)
		return
	}
	q, err := ocsp.ParseRequest(body)
	if err != nil {
		w.Write([]byte{0x30, 3, 0x0a, 1, 1}) // malformedRequest
		return
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	switch fault {
	case TryLater:
		w.Write([]byte{0x30, 3, 0x0a, 1, 3})
	case Garbage:
		w.Write([]byte("<html>"))
	case Oversized:
		io.WriteString(w, strings.Repeat("0", 1<<20))
	case Redirect:
		if strings.HasSuffix(r.URL.Path, "/again") {
			a.write(w, q, requestNonce(body), Honest)
			return
		}
		http.Redirect(w, r, r.URL.Path+"/again", http.StatusTemporaryRedirect)
	case Down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	default:
		a.write(w, q, requestNonce(body), fault)
	}
}

func (a *Authority) write(w http.ResponseWriter, q *ocsp.Request, nonce []byte, fault Fault) {
	for _, ca := range []*x509.Certificate{a.Citizen, a.Foreigner} {
		if !bytes.Equal(q.IssuerNameHash, digest(q.HashAlgorithm, ca.RawSubject)) {
			continue
		}
		der, err := a.answer(ca, q, nonce, fault)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Write(der)
		return
	}
	w.Write([]byte{0x30, 3, 0x0a, 1, 6}) // unauthorized
}

// requestNonce is the content of the nonce's extension; nil without one.
func requestNonce(der []byte) []byte {
	var r struct{ Body asn1.RawValue }
	if _, err := asn1.Unmarshal(der, &r); err != nil {
		return nil
	}
	for rest := r.Body.Bytes; len(rest) > 0; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return nil
		}
		var list []extension
		if v.Class != asn1.ClassContextSpecific || v.Tag != 2 {
			continue
		}
		if _, err := asn1.Unmarshal(v.Bytes, &list); err != nil {
			return nil
		}
		for _, e := range list {
			if e.ID.Equal(nonceID()) {
				return e.Value
			}
		}
	}
	return nil
}

func nonceID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2} }
