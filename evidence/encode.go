package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Encode gives the one byte string that stands for e in the hash chain: JSON
// with the fields in declaration order, no insignificant space, no HTML
// escaping. Equal events have equal bytes, and [ParseEvent] gives e back.
// Errors: [ErrEvent] when e cannot be recorded. It does not lint; see
// [Event.Lint].
func (e Event) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if len(e.Parts) == 0 {
		e.Parts = nil // one encoding for none
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Hash is the digest of an encoded event; the next event of the same delivery
// carries it, in hex, as Prev.
func Hash(body []byte) [sha256.Size]byte { return sha256.Sum256(body) }

// HashHex is [Hash] as it stands in Prev: lower-case hex.
func HashHex(body []byte) string {
	h := Hash(body)
	return hex.EncodeToString(h[:])
}

// ParseEvent reads what [Event.Encode] wrote and nothing else: unknown fields
// and bytes that Encode would not give are refused with [ErrEvent].
func ParseEvent(body []byte) (Event, error) {
	var e Event
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	e = e.utc()
	again, err := e.Encode()
	if err != nil {
		return Event{}, err
	}
	if !bytes.Equal(again, body) {
		return Event{}, fmt.Errorf("%w: not in its one encoding", ErrEvent)
	}
	return e, nil
}

// VerifyChain refuses, with [ErrEvent], events that are not one delivery's
// history from its first event on: sequence without gaps, every Prev the hash
// of the event before it, and time that never runs back. No events are a chain.
func VerifyChain(events []Event) error {
	prev := ""
	for i, e := range events {
		switch {
		case e.Seq != i+1:
			return fmt.Errorf("%w: event %d of the chain has sequence %d", ErrEvent, i+1, e.Seq)
		case e.Delivery != events[0].Delivery:
			return fmt.Errorf("%w: event %d belongs to another delivery", ErrEvent, i+1)
		case e.Prev != prev:
			return fmt.Errorf("%w: event %d does not continue the event before it", ErrEvent, i+1)
		case i > 0 && e.At.Before(events[i-1].At):
			return fmt.Errorf("%w: event %d is earlier than the event before it", ErrEvent, i+1)
		}
		body, err := e.Encode()
		if err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		prev = HashHex(body)
	}
	return nil
}

// check is what every recorded event needs, whatever its name.
func (e Event) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrEvent, what) }
	switch {
	case e.ID == "" || e.Delivery == "":
		return bad("id and delivery are needed")
	case !e.Name.Valid():
		return bad("unknown name " + string(e.Name))
	case e.Seq < 1:
		return bad("sequence starts at 1")
	case (e.Seq == 1) != (e.Prev == ""):
		return bad("every event but the first names the hash of the one before it")
	case e.Prev != "" && !isSHA256(e.Prev):
		return bad("prev is not a SHA-256 in lower-case hex")
	case !isInstant(e.At):
		return bad("the time must be set, in UTC, in whole microseconds")
	}
	for _, t := range e.times() {
		if !t.IsZero() && !isInstant(*t) {
			return bad("every time must be in UTC, in whole microseconds")
		}
	}
	for _, s := range e.texts() {
		if !isText(s) {
			return bad("a text holds characters that a document cannot carry")
		}
	}
	return nil
}

func isInstant(t time.Time) bool {
	return !t.IsZero() && t.Location() == time.UTC && t.Equal(t.Truncate(time.Microsecond)) &&
		t.Year() > 0 && t.Year() < 10000
}

func isSHA256(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
