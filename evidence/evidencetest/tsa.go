package evidencetest

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/bode-erds/bode/evidence"
)

// Fault is how the time-stamping authority misbehaves.
type Fault string

// The faults. The zero value is an authority that works.
const (
	Works        Fault = ""
	Reject       Fault = "reject"        // answers, properly, that it refuses
	Garbage      Fault = "garbage"       // answers bytes that are no response
	WrongImprint Fault = "wrong_imprint" // stamps something else
	WrongNonce   Fault = "wrong_nonce"   // answers somebody else's request
	WrongTime    Fault = "wrong_time"    // its clock is an hour ahead
	OldTime      Fault = "old_time"      // its clock is an hour behind
	Foreign      Fault = "foreign"       // shows a certificate of a root that nobody knows
	OtherKey     Fault = "other_key"     // signs with a key that is not its certificate's
	Endless      Fault = "endless"       // never stops sending
	Slow         Fault = "slow"          // does not answer before the client gives up
	Down         Fault = "down"          // HTTP 503
)

// ErrRefused is what [Authority.Stamper] gives when a fault is set.
var ErrRefused = errors.New("evidencetest: time-stamp refused")

// SetFault makes the authority misbehave from now on.
func (a *Authority) SetFault(f Fault) { a.fault.Store(&f) }

// Requests is how many time-stamps were asked for.
func (a *Authority) Requests() int { return int(a.requests.Load()) }

func (a *Authority) currentFault() Fault {
	if f := a.fault.Load(); f != nil {
		return *f
	}
	return Works
}

// ServeHTTP answers RFC 3161 requests (§3.4) at "/" and gives, at the addresses
// that stand in the certificates, what is published about them.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" && r.URL.Path != "" {
		a.publish(w, r)
		return
	}
	a.requests.Add(1)
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a time-stamp query", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	switch a.currentFault() {
	case Down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case Slow:
		<-r.Context().Done()
	case Garbage:
		w.Write([]byte("this is no time-stamp"))
	case Endless:
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	case Reject:
		reply, err := timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadRequest)
		respond(w, reply, err)
	default:
		req, err := timestamp.ParseRequest(body)
		if err != nil {
			http.Error(w, "not a time-stamp query", http.StatusBadRequest)
			return
		}
		reply, err := a.reply(req)
		respond(w, reply, err)
	}
}

func respond(w http.ResponseWriter, reply []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(reply)
}

// reply is a complete TimeStampResp.
func (a *Authority) reply(req *timestamp.Request) ([]byte, error) {
	ts := timestamp.Timestamp{
		HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage, Nonce: req.Nonce,
		Time: a.cfg.Now().UTC(), Policy: oid(a.cfg.TSAPolicy), Ordering: false, Qualified: false,
		AddTSACertificate: req.Certificates,
	}
	switch a.currentFault() {
	case WrongImprint:
		ts.HashedMessage = make([]byte, len(req.HashedMessage))
	case WrongNonce:
		if ts.Nonce != nil {
			ts.Nonce.Add(ts.Nonce, ts.Nonce)
		}
	case WrongTime:
		ts.Time = ts.Time.Add(time.Hour)
	case OldTime:
		ts.Time = ts.Time.Add(-time.Hour)
	}
	cert, key, err := a.signsWith()
	if err != nil {
		return nil, err
	}
	return ts.CreateResponseWithOpts(cert, key, crypto.SHA256)
}

// signsWith is what the authority signs with now.
func (a *Authority) signsWith() (*x509.Certificate, crypto.Signer, error) {
	f := a.currentFault()
	if f != Foreign && f != OtherKey {
		return a.tsu, a.tsuKey, nil
	}
	other, err := New(a.cfg)
	if err != nil {
		return nil, nil, err
	}
	if f == Foreign {
		return other.tsu, other.tsuKey, nil
	}
	return a.tsu, other.tsuKey, nil
}

// Stamper stamps in process, without HTTP. Any fault gives [ErrRefused].
func (a *Authority) Stamper() evidence.Stamper { return stamper{a} }

type stamper struct{ a *Authority }

func (s stamper) Stamp(_ context.Context, imprint []byte) ([]byte, error) {
	s.a.requests.Add(1)
	if s.a.currentFault() != Works {
		return nil, ErrRefused
	}
	reply, err := s.a.reply(&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: imprint, Certificates: true})
	if err != nil {
		return nil, err
	}
	// TimeStampResp is a status and the token.
	var resp struct {
		Status asn1.RawValue
		Token  asn1.RawValue
	}
	if _, err := asn1.Unmarshal(reply, &resp); err != nil {
		return nil, err
	}
	return resp.Token.FullBytes, nil
}

func oid(dotted string) asn1.ObjectIdentifier {
	var o asn1.ObjectIdentifier
	for _, arc := range strings.Split(dotted, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			return nil
		}
		o = append(o, n)
	}
	return o
}
