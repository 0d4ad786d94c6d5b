package evidencetest

import (
	"encoding/asn1"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Lapse is how the authorities misbehave in what they publish.
type Lapse string

// The lapses.
const (
	CRLDown        Lapse = "crl_down"         // HTTP 503
	CRLExpired     Lapse = "crl_expired"      // out of date for an hour
	CRLWrongIssuer Lapse = "crl_wrong_issuer" // signed by somebody else
	CRLGarbage     Lapse = "crl_garbage"      // bytes that are no list
	CRLEndless     Lapse = "crl_endless"      // never stops sending
	CRLElsewhere   Lapse = "crl_elsewhere"    // redirects for ever
	OCSPDown       Lapse = "ocsp_down"        // HTTP 503
	OCSPExpired    Lapse = "ocsp_expired"     // out of date for an hour
	OCSPWrongKey   Lapse = "ocsp_wrong_key"   // the signature is wrong
	OCSPGarbage    Lapse = "ocsp_garbage"     // bytes that are no response
	OCSPUnknown    Lapse = "ocsp_unknown"     // knows no certificate
	OCSPSlow       Lapse = "ocsp_slow"        // does not answer before the client gives up
	CADown         Lapse = "ca_down"          // the authorities' certificates: HTTP 503
)

// SetLapses makes the authorities misbehave from now on, in these ways only.
func (a *Authority) SetLapses(l ...Lapse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lapses = slices.Clone(l)
}

func (a *Authority) lapsed(l Lapse) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.lapses, l)
}

// publish serves lists, responders and the certificates of authorities.
func (a *Authority) publish(w http.ResponseWriter, r *http.Request) {
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	name, _, _ = strings.Cut(name, ".")
	var c *ca
	for _, known := range []*ca{a.sealRoot, a.issuing, a.tsaRoot} {
		if known.name == name {
			c = known
		}
	}
	down := kind == "crl" && a.lapsed(CRLDown) || kind == "ocsp" && a.lapsed(OCSPDown) || kind == "ca" && a.lapsed(CADown)
	switch {
	case c == nil:
		http.NotFound(w, r)
	case down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case kind == "crl":
		a.serveList(w, r, c)
	case kind == "ocsp":
		a.serveOCSP(w, r, c)
	case kind == "ca":
		w.Header().Set("Content-Type", "application/pkix-cert")
		w.Write(c.cert.Raw)
	default:
		http.NotFound(w, r)
	}
}

func (a *Authority) serveList(w http.ResponseWriter, r *http.Request, c *ca) {
	w.Header().Set("Content-Type", "application/pkix-crl")
	switch {
	case a.lapsed(CRLGarbage):
		w.Write([]byte("this is no list"))
	case a.lapsed(CRLElsewhere):
		http.Redirect(w, r, r.URL.Path+"?again", http.StatusFound)
	case a.lapsed(CRLEndless):
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	default:
		list, err := a.list(c)
		respond(w, list, err)
	}
}

// serveOCSP answers a request about one certificate. RFC 6960 §4.1.1, appendix A
func (a *Authority) serveOCSP(w http.ResponseWriter, r *http.Request, c *ca) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var request struct {
		TBS struct {
			Version   int           `asn1:"explicit,tag:0,default:0,optional"`
			Requestor asn1.RawValue `asn1:"explicit,tag:1,optional"`
			List      []struct{ ID certID }
		}
	}
	if err == nil {
		_, err = asn1.Unmarshal(body, &request)
	}
	if err != nil || len(request.TBS.List) != 1 || !c.named(request.TBS.List[0].ID) {
		http.Error(w, "not a request about one certificate of ours", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	switch {
	case a.lapsed(OCSPSlow):
		<-r.Context().Done()
	case a.lapsed(OCSPGarbage):
		w.Write([]byte("this is no response"))
	default:
		reply, err := a.answer(c, request.TBS.List[0].ID.Serial)
		respond(w, reply, err)
	}
}
