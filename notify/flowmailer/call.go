package flowmailer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

const (
	// largestAnswer is how much of an answer is read, in octets.
	largestAnswer = 4 << 20
	accept        = "application/vnd.flowmailer.v1.12+json;charset=UTF-8"
)

// answer is what the API said, or why it said nothing.
type answer struct {
	status  int // 0: no answer
	err     error
	dialled bool // a connection was there: the API may have the request
	remote  string
	tls     string
	header  http.Header
	body    []byte
}

// call makes one request with a token; one that the API does not take any more is
// replaced, once. Without a token nothing was asked.
func (t *Transport) call(ctx context.Context, method, address, window string, body []byte) answer {
	var a answer
	for range 2 {
		bearer, err := t.bearer(ctx)
		if err != nil {
			return answer{remote: t.host, err: err}
		}
		if a = t.once(ctx, bearer, method, address, window, body); a.status != http.StatusUnauthorized {
			return a
		}
		t.refused(bearer)
	}
	return a
}

// once makes one request. window is the Range header of lists.
func (t *Transport) once(ctx context.Context, bearer, method, address, window string, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.CallTimeout)
	defer cancel()
	a := answer{remote: t.host}
	var peer atomic.Pointer[string]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		addr := info.Conn.RemoteAddr().String()
		peer.Store(&addr)
	}})
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		a.err = err
		return a
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Authorization", "Bearer "+bearer)
	if body != nil {
		req.Header.Set("Content-Type", accept)
	}
	if window != "" {
		req.Header.Set("Range", window)
	}
	resp, err := t.client.Do(req)
	if p := peer.Load(); p != nil {
		a.dialled = true
		if *p != t.host {
			a.remote = t.host + " (" + *p + ")"
		}
	}
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	if resp.TLS != nil {
		a.tls = tls.VersionName(resp.TLS.Version)
	}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, largestAnswer)); err != nil {
		a.err = err
		return a
	}
	a.status, a.header = resp.StatusCode, resp.Header
	return a
}

// fault is one entry of allErrors. What was rejected, and the sentence about it,
// are left out: both may hold the number.
type fault struct {
	Code  string `json:"code"`
	Field string `json:"field"`
}

func (a answer) faults() []fault {
	var said struct {
		AllErrors []fault `json:"allErrors"`
	}
	_ = json.Unmarshal(a.body, &said) // what is no JSON has no faults
	return said.AllErrors
}

// reply is the answer in one line.
func (a answer) reply() string {
	if a.status == 0 {
		return "(no reply) " + inner(a.err).Error()
	}
	said := []string{fmt.Sprint(a.status)}
	for _, f := range a.faults() {
		said = append(said, strings.TrimSpace(f.Code+" "+f.Field))
	}
	return strings.Join(said, " ")
}

// inner leaves out the address of the request, which net/http puts into its
// errors.
func inner(err error) error {
	var wrapped interface{ Unwrap() error }
	if errors.As(err, &wrapped) && wrapped.Unwrap() != nil && strings.Contains(err.Error(), "://") {
		return wrapped.Unwrap()
	}
	return err
}

// untrusted reports whether the API could not prove who it is.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &record)
}
