package wallettest

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// minimum is how many places the status list has at least.
const minimum = 4096

// StatusHandler serves the status list, whatever the path. The list has two bits
// for each PID, and room for some that are not issued yet.
//
// draft-ietf-oauth-status-list §5.1, §8.2
func (i *Issuer) StatusHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		values, f, url := slices.Clone(i.status), i.fault, i.url
		i.mu.Unlock()
		switch f {
		case ListDown:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case ListRedirect:
			if r.URL.RawQuery == "" { // there, the list is genuine
				http.Redirect(w, r, "?moved", http.StatusFound)
				return
			}
		case ListHTML:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html>"))
			return
		}
		token, err := i.statusToken(values, url, f)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		kind := "application/statuslist+jwt"
		if f == ListText {
			kind = "text/plain"
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(token))
	})
}

func (i *Issuer) statusToken(values []byte, url string, f Fault) (string, error) {
	packed := make([]byte, max(minimum/4, (len(values)+3)/4))
	for n, v := range values {
		packed[n/4] |= v << (n % 4 * 2)
	}
	if f == ListBomb {
		packed = make([]byte, 9<<20)
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(packed); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	now := i.now()
	claims := map[string]any{"sub": url, "iat": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(), "ttl": 60,
		"status_list": map[string]any{"bits": 2, "lst": toBase64(b.Bytes())}}
	header := map[string]any{"typ": "statuslist+jwt"}
	signing := None
	switch f {
	case ListForeign:
		signing = ForeignIssuer
	case ListOther:
		claims["sub"] = url + "/2"
	case ListExpired:
		claims["exp"] = now.Add(-time.Hour).Unix()
	case ListFuture:
		claims["iat"] = now.Add(time.Hour).Unix()
	case ListNone:
		header["alg"] = "none"
	}
	key, chain, err := i.signer(signing)
	if err != nil {
		return "", err
	}
	header["x5c"] = x5c(chain)
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	token, err := sign(key, header, raw)
	if f == ListForged {
		token = token[:len(token)-4] + "AAAA"
	}
	return token, err
}
