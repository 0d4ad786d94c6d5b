package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

// Bounds of a batch.
const (
	maxBatch  = 64 << 20 // octets
	maxWindow = 64       // messages that are read and submitted together
	ndjson    = "application/x-ndjson"
)

var (
	errKeyRequired = problem{status: http.StatusBadRequest, code: "idempotency_key_required"}
	errBatchSize   = problem{status: http.StatusRequestEntityTooLarge, code: "batch_too_large"}
	errEmptyBatch  = problem{status: http.StatusUnprocessableEntity, code: "batch_empty"}
)

// messages reads the messages of a batch one by one: lines, or the entries of an
// array. Errors: io.EOF at the end; problems, after which nothing can be read.
type messages interface{ next() ([]byte, error) }

type lines struct{ r *bufio.Reader }

func (l lines) next() ([]byte, error) {
	for {
		var line []byte
		for {
			part, err := l.r.ReadSlice('\n')
			if len(line)+len(part) > maxJSON {
				return nil, errTooBig
			}
			line = append(line, part...)
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err == io.EOF && len(bytes.TrimSpace(line)) > 0 {
				return line, nil
			}
			if err != nil {
				return nil, err
			}
			break
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

type entries struct {
	d     *json.Decoder
	begun bool
}

func (e *entries) next() ([]byte, error) {
	if !e.begun {
		e.begun = true
		if t, err := e.d.Token(); err != nil || t != json.Delim('[') {
			return nil, syntax(err)
		}
	}
	if !e.d.More() {
		if _, err := e.d.Token(); err != nil {
			return nil, syntax(err)
		}
		if _, err := e.d.Token(); err != io.EOF {
			return nil, syntax(err)
		}
		return nil, io.EOF
	}
	var raw json.RawMessage
	if err := e.d.Decode(&raw); err != nil {
		return nil, syntax(err)
	}
	return raw, nil
}

// syntax tells a body that is no JSON from one that did not arrive.
func syntax(err error) error {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if errors.Is(err, errInterrupted) {
		return errInterrupted
	}
	return errJSON
}

// messages finds how the body of a batch is written.
func (c *call) messages() (messages, error) {
	t, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
	if err != nil || t != ndjson && t != "application/json" {
		return nil, errMediaType
	}
	body, err := c.body(maxBatch, errBatchSize)
	if err != nil {
		return nil, err
	}
	if t == ndjson {
		return lines{bufio.NewReaderSize(body, 64<<10)}, nil
	}
	return &entries{d: json.NewDecoder(body)}, nil
}

// batchResult is what became of one message of a batch.
type batchResult struct {
	Index    int       `json:"index"`
	Status   int       `json:"status"`
	ID       string    `json:"id,omitempty"`
	Number   string    `json:"number,omitempty"`
	Replayed bool      `json:"replayed,omitempty"`
	Problem  *document `json:"problem,omitempty"`
}

// createBatch submits messages as they come in, and says of each what became of
// it. The answer begins when the body has been read: a caller that reads only
// then would otherwise wait for us, and we for the caller.
func (a *API) createBatch(c *call) error {
	once, err := c.once(nil)
	if err != nil {
		return err
	}
	if once.Key == "" {
		return errKeyRequired
	}
	in, err := c.messages()
	if err != nil {
		return err
	}
	done, err := a.limits.upload(c.key.ID, c.key.Mode, a.Now())
	if err != nil {
		return err
	}
	defer done()
	first, end := a.window(in, 0)
	if len(first) == 0 { // nothing was submitted: the whole is refused
		if end == io.EOF {
			end = errEmptyBatch
		}
		return end
	}
	b, err := a.Deliveries.OpenCall(c.ctx(), c.actor(a.Now()), c.key.Test, once.Key)
	if err != nil {
		return err
	}
	var results []batchResult
	for list := first; len(list) > 0; {
		part, err := a.submitWindow(c, b, len(results), list)
		if err != nil {
			return err
		}
		results = append(results, part...)
		if end != nil {
			break
		}
		list, end = a.window(in, len(results))
	}
	if end != nil && end != io.EOF {
		results = append(results, a.resultOf(c, len(results), end))
	}
	if err := a.Deliveries.CloseCall(c.ctx(), b.ID); err != nil {
		return err
	}
	return a.sendResults(c, b, results)
}

// window reads the next messages, and why there are no more.
func (a *API) window(in messages, before int) (list [][]byte, end error) {
	for len(list) < maxWindow {
		raw, err := in.next()
		if err != nil {
			return list, err
		}
		if before+len(list) == delivery.MaxCall {
			return list, errBatchSize
		}
		list = append(list, raw)
	}
	return list, nil
}

// submitWindow submits messages at the same time, so that they are written
// together, and notes what became of them.
func (a *API) submitWindow(c *call, b delivery.Bulk, before int, list [][]byte) ([]batchResult, error) {
	results, outcomes := make([]batchResult, len(list)), make([]delivery.Outcome, len(list))
	var all sync.WaitGroup
	for i, raw := range list {
		all.Go(func() {
			m, replayed, err := a.submitOne(c, b, before+i, raw)
			outcomes[i] = delivery.Outcome{Position: before + i + 1, Message: m}
			if err != nil {
				results[i] = a.resultOf(c, before+i, err)
				outcomes[i].Faults = faultsIn(a.known(c, err))
				return
			}
			results[i] = batchResult{Index: before + i, Status: http.StatusCreated, ID: string(m.ID), Number: m.Number, Replayed: replayed}
		})
	}
	all.Wait()
	return results, a.Deliveries.NoteCall(c.ctx(), b.ID, outcomes)
}

// faultsIn are the faults of a problem, or its code where it has none.
func faultsIn(p problem) delivery.FieldErrors {
	if len(p.fields) > 0 {
		return p.fields
	}
	return delivery.FieldErrors{{Code: p.code}}
}

// submitOne submits one message of a batch, under a key that follows from the
// batch and the message's place in it.
func (a *API) submitOne(c *call, b delivery.Bulk, index int, raw []byte) (delivery.Message, bool, error) {
	in := newMessage{Policy: policyOf(a.Deliveries.DefaultPolicy())}
	faults, err := a.decodeJSON(raw, "NewMessage", &in)
	if err != nil {
		return delivery.Message{}, false, err
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return delivery.Message{}, false, err
	}
	once.Key = "call " + string(b.ID) + " " + strconv.Itoa(index)
	if in, err = a.prepared(c, raw, in); err != nil {
		return delivery.Message{}, false, err
	}
	m, _, replayed, err := a.submitMessage(c, in, faults, once)
	return m, replayed, err
}

func (a *API) resultOf(c *call, index int, err error) batchResult {
	p := a.known(c, err)
	d, _ := a.describe(c, p, err)
	return batchResult{Index: index, Status: p.status, Problem: &d}
}

// sendResults answers with a line for each message.
func (a *API) sendResults(c *call, b delivery.Bulk, results []batchResult) error {
	h := c.Response().Header()
	h.Set("Location", Prefix+"/batches/"+string(b.ID))
	h.Set("Batch-Id", string(b.ID))
	h.Set(echo.HeaderContentType, ndjson)
	c.Response().WriteHeader(http.StatusOK)
	out := bufio.NewWriter(c.Response())
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	for _, r := range results {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return out.Flush()
}
