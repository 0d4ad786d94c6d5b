package api

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// maxCertificate bounds a forwarded certificate, in octets.
const maxCertificate = 16 << 10

// certificate is what the caller showed in the TLS handshake with us, or with a
// trusted proxy that says so in a header; nil when none was shown. From anybody
// else the header is worth nothing. Whose certificate it is, and whether it holds,
// is not looked at here: accounts register theirs.
//
// RFC 8705 §6.5, RFC 9440 §2.1
func (a *API) certificate(r *http.Request) *x509.Certificate {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return r.TLS.PeerCertificates[0]
	}
	if a.CertificateHeader == "" || !a.trusted(r.RemoteAddr) {
		return nil
	}
	values := r.Header.Values(a.CertificateHeader)
	if len(values) != 1 || len(values[0]) > 2*maxCertificate {
		return nil
	}
	return readCertificate(values[0])
}

// trusted reports whether the connection itself comes from a proxy of ours.
func (a *API) trusted(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range a.TrustedProxies {
		if p.Contains(at.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// readCertificate reads one certificate as proxies write it: a byte sequence of
// structured fields with the DER, or PEM with everything unsafe escaped.
func readCertificate(s string) *x509.Certificate {
	var der []byte
	if inner, ok := strings.CutPrefix(s, ":"); ok {
		inner, ok = strings.CutSuffix(inner, ":")
		b, err := base64.StdEncoding.DecodeString(inner)
		if !ok || err != nil {
			return nil
		}
		der = b
	} else {
		text, err := url.PathUnescape(s)
		if err != nil {
			return nil
		}
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
			return nil
		}
		der = block.Bytes
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}
