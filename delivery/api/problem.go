package api

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// problem is an error that a caller may see. Its code is stable and a key of
// the translation files; everything else is an incident.
type problem struct {
	status int
	code   string
	fields delivery.FieldErrors
	scope  identity.Scope // that the key lacks
	retry  time.Duration  // after which trying again makes sense; 0: it does not
}

func (p problem) Error() string { return "api: " + p.code }

func (p problem) with(fields ...delivery.FieldError) problem {
	p.fields = fields
	return p
}

func (p problem) after(d time.Duration) problem {
	p.retry = d
	return p
}

// What the face itself refuses.
var (
	errNoRoute      = problem{status: http.StatusNotFound, code: "no_such_resource"}
	errNotFound     = problem{status: http.StatusNotFound, code: "not_found"}
	errMethod       = problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed"}
	errNoKey        = problem{status: http.StatusUnauthorized, code: "unauthorized"}
	errTestOnly     = problem{status: http.StatusForbidden, code: "test_key_only"}
	errMediaType    = problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type"}
	errJSON         = problem{status: http.StatusBadRequest, code: "malformed_json"}
	errTooBig       = problem{status: http.StatusRequestEntityTooLarge, code: "body_too_large"}
	errInvalid      = problem{status: http.StatusUnprocessableEntity, code: "invalid"}
	errKeyHeader    = problem{status: http.StatusBadRequest, code: "idempotency_key_malformed"}
	errDigestHeader = problem{status: http.StatusBadRequest, code: "digest_malformed"}
	errInterrupted  = problem{status: http.StatusBadRequest, code: "body_interrupted"}
	errEncoding     = problem{status: http.StatusUnsupportedMediaType, code: "content_encoding_unsupported"}
	errDocument     = problem{status: http.StatusRequestEntityTooLarge, code: "document_too_large"}
	// Something that we need is away or full. Nothing happened, or nobody knows: the
	// same request with the same key settles it.
	errUnavailable = problem{status: http.StatusServiceUnavailable, code: "unavailable", retry: 5 * time.Second}
	errTooMany     = problem{status: http.StatusTooManyRequests, code: "too_many_requests"}
	errCredit      = problem{status: http.StatusPaymentRequired, code: "insufficient_credit"}
)

// sentinels maps what the domain answers to what a caller sees.
var sentinels = []struct {
	err error
	problem
}{
	{delivery.ErrNotFound, errNotFound},
	{evidence.ErrNoEvidence, errNotFound},
	{identity.ErrNotFound, errNotFound},
	{delivery.ErrPurged, problem{status: http.StatusGone, code: "retention_ended"}},
	{evidence.ErrPending, problem{status: http.StatusConflict, code: "evidence_pending", retry: time.Second}},
	{identity.ErrNoMandate, problem{status: http.StatusForbidden, code: "no_mandate"}},
	{identity.ErrSuspended, problem{status: http.StatusForbidden, code: "account_suspended"}},
	{delivery.ErrKeyReused, problem{status: http.StatusConflict, code: "idempotency_key_reused"}},
	{delivery.ErrTooLarge, errDocument},
	{delivery.ErrMalware, problem{status: http.StatusUnprocessableEntity, code: "malware"}},
	{delivery.ErrUnscanned, problem{status: http.StatusServiceUnavailable, code: "not_scanned", retry: 30 * time.Second}},
	{delivery.ErrBusy, problem{status: http.StatusServiceUnavailable, code: "unavailable", retry: time.Second}},
	{delivery.ErrDigest, problem{status: http.StatusUnprocessableEntity, code: "digest_mismatch"}},
	{delivery.ErrDecided, problem{status: http.StatusConflict, code: "already_decided"}},
	{delivery.ErrWindowClosed, problem{status: http.StatusConflict, code: "already_decided"}},
	{delivery.ErrNotOpen, problem{status: http.StatusConflict, code: "not_open"}},
	{delivery.ErrTemplateChanged, problem{status: http.StatusConflict, code: "template_changed"}},
	{delivery.ErrTemplateName, problem{status: http.StatusConflict, code: "template_name_taken"}},
	{delivery.ErrOwnKey, problem{status: http.StatusConflict, code: "contact_key_taken"}},
	{delivery.ErrBulkState, problem{status: http.StatusConflict, code: "batch_not_open"}},
	{delivery.ErrBulkChanged, problem{status: http.StatusConflict, code: "batch_changed"}},
	{delivery.ErrDraftChanged, problem{status: http.StatusConflict, code: "draft_changed", retry: time.Second}},
	{delivery.ErrTooManyDrafts, problem{status: http.StatusConflict, code: "too_many_drafts"}},
	{delivery.ErrSecondPerson, problem{status: http.StatusForbidden, code: "release_required"}},
	{delivery.ErrNoHooks, problem{status: http.StatusNotImplemented, code: "webhooks_unavailable"}},
	{delivery.ErrTooManyHooks, problem{status: http.StatusConflict, code: "too_many_webhooks"}},
	{delivery.ErrHookUnproven, problem{status: http.StatusConflict, code: "webhook_unproven"}},
	{delivery.ErrHookOff, problem{status: http.StatusConflict, code: "webhook_disabled"}},
	{delivery.ErrRunning, problem{status: http.StatusConflict, code: "request_running", retry: time.Second}},
	{delivery.ErrHookBusy, errTooMany.after(time.Minute)},
	{delivery.ErrCursor, errCursor},
	{delivery.ErrInsufficientCredit, errCredit},
	{delivery.ErrNoPayment, problem{status: http.StatusConflict, code: "payments_unavailable"}},
	{delivery.ErrProvider, problem{status: http.StatusServiceUnavailable, code: "provider_unavailable", retry: 10 * time.Second}},
	{context.DeadlineExceeded, problem{status: http.StatusServiceUnavailable, code: "timeout", retry: time.Second}},
}

// document is a problem on the wire. RFC 9457 §3
type document struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail,omitempty"`
	Code     string         `json:"code"`
	Instance string         `json:"instance,omitempty"`
	Scope    identity.Scope `json:"scope,omitempty"`
	Errors   []fieldDetail  `json:"errors,omitempty"`

	// Of insufficient_credit: cents without VAT.
	Needed    *int64 `json:"needed,omitempty"`
	Available *int64 `json:"available,omitempty"`
}

type fieldDetail struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// fail is the one exit for errors. What nobody foresaw becomes an opaque 500
// with an incident number; its text goes to the log only.
func (a *API) fail(c echo.Context, err error) error {
	if c.Response().Committed {
		return err
	}
	p := a.known(c, err)
	d, lang := a.describe(c, p, err)
	h := c.Response().Header()
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="bode"`)
	}
	if p.scope != "" { // RFC 6750 §3.1
		h.Set("WWW-Authenticate", `Bearer realm="bode", error="insufficient_scope", scope="`+string(p.scope)+`"`)
	}
	if p.retry > 0 {
		h.Set("Retry-After", seconds(p.retry))
	}
	h.Set("Content-Language", lang)
	h.Set(echo.HeaderContentType, "application/problem+json")
	return writeJSON(c, p.status, d)
}

// describe puts a problem into the caller's words, and gives an incident its
// number.
func (a *API) describe(c echo.Context, p problem, err error) (d document, lang string) {
	lang = a.words.match(c.Request().Header.Get("Accept-Language"))
	d = document{Type: "urn:bode-erds:problem:" + p.code, Status: p.status, Code: p.code, Scope: p.scope,
		Title: a.words.text(lang, "problem."+p.code, nil), Detail: a.words.optional(lang, "detail."+p.code)}
	if p.status == http.StatusInternalServerError {
		d.Instance = "urn:bode-erds:incident:" + rand.Text()[:12]
		a.Log.ErrorContext(c.Request().Context(), "api incident", "incident", d.Instance, "method", c.Request().Method, "err", err)
	}
	if short, ok := errors.AsType[delivery.InsufficientCredit](err); ok {
		d.Needed, d.Available = &short.Needed, &short.Available
	}
	for _, f := range p.fields {
		d.Errors = append(d.Errors, fieldDetail{f.Pointer, f.Code, a.words.text(lang, "field."+f.Code, f.Args)})
	}
	return d, lang
}

// known finds the problem that err is to a caller.
func (a *API) known(c echo.Context, err error) problem {
	var p problem
	if errors.As(err, &p) {
		return p
	}
	var fields delivery.FieldErrors
	if errors.As(err, &fields) {
		return errInvalid.with(fields...)
	}
	var h *echo.HTTPError
	if errors.As(err, &h) {
		switch h.Code {
		case http.StatusNotFound:
			return errNoRoute
		case http.StatusMethodNotAllowed:
			return errMethod
		}
	}
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return errTooBig
	}
	if full, ok := errors.AsType[*delivery.DailyCap](err); ok {
		return errDailyCap.after(full.Until.Sub(a.Now()))
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return s.problem
		}
	}
	if c.Request().Context().Err() != nil {
		return errInterrupted
	}
	if delivery.Unavailable(err) {
		a.Log.WarnContext(c.Request().Context(), "api unavailable", "err", err)
		return errUnavailable
	}
	return problem{status: http.StatusInternalServerError, code: "internal"}
}
