package sms

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
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bode-erds/bode/notify"
)

// largestAnswer is how much of an answer is read, in octets.
const largestAnswer = 64 << 10

// answer is what the gateway said, or why it said nothing.
type answer struct {
	httpStatus int // 0: no answer
	err        error
	dialled    bool // a connection was there: the gateway may have the request
	remote     string
	tls        string

	ID      string `json:"id"`
	Status  string `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// call makes one request. The answer's body is kept as its known fields only:
// a gateway that echoes the text would otherwise put a code into the evidence.
func (t *Transport) call(ctx context.Context, method, address string, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
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
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
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
	raw, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	if err != nil {
		a.err = err
		return a
	}
	a.httpStatus = resp.StatusCode
	if err := json.Unmarshal(raw, &a); err != nil {
		a.ID, a.Status, a.Code, a.Message = "", "", "", ""
	}
	return a
}

// sent classifies the answer to POST /messages.
func (a answer) sent() notify.Result {
	numberFaults := []string{"invalid_number", "unknown_subscriber", "not_mobile", "blocked_number", "opted_out"}
	switch {
	case a.httpStatus == 0 && !a.dialled:
		r := a.result(notify.Temporary)
		if r.Unreached = true; untrusted(a.err) {
			r.Outcome = notify.Technical
		}
		return r
	case a.httpStatus == http.StatusOK || a.httpStatus == http.StatusAccepted || a.httpStatus == http.StatusCreated:
		if a.ID == "" {
			break // a page of some proxy, perhaps
		}
		if a.Status == "failed" {
			return a.result(notify.Permanent)
		}
		return a.result(notify.Sent)
	case a.httpStatus == http.StatusTooManyRequests || a.httpStatus == http.StatusRequestTimeout || a.httpStatus/100 == 5:
		return a.result(notify.Temporary)
	case a.httpStatus/100 == 4 && slices.Contains(numberFaults, a.Code):
		return a.result(notify.Permanent)
	case a.httpStatus/100 == 4:
		return a.result(notify.Technical)
	}
	r := a.result(notify.Technical)
	r.InDoubt = true
	return r
}

func (a answer) result(o notify.Outcome) notify.Result {
	return notify.Result{Outcome: o, Reply: a.reply(), Remote: a.remote, TLS: a.tls, ID: a.ID}
}

// reply is the answer in one line.
func (a answer) reply() string {
	if a.httpStatus == 0 {
		return unsaid(a.err)
	}
	said := []string{fmt.Sprint(a.httpStatus)}
	for _, s := range []string{a.Code, a.Status, a.ID, a.Message} {
		if s != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, " ")
}

// unsaid marks words that are ours: a Reply is otherwise the peer's. It leaves
// out the address of the request.
func unsaid(err error) string {
	var wrapped interface{ Unwrap() error }
	if errors.As(err, &wrapped) && wrapped.Unwrap() != nil {
		err = wrapped.Unwrap()
	}
	return "(no reply) " + err.Error()
}

// untrusted reports whether the gateway could not prove who it is.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &record)
}
