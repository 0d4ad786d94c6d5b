package eidtest

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Extension is a script that stands in for the Web eID extension in a page. It
// answers the page's messages; the card is the function eidCard(request), to be
// provided by whoever drives the browser (a binding, say), who passes the request
// to [Card.Answer] and the outcome to eidAnswer(message).
//
//go:embed extension.js
var Extension string

// Answer does what the extension and the card do with a request of [Extension]:
// JSON with nonce and origin. The message is a JSON object.
func (c *Card) Answer(request string) (message string, err error) {
	var r struct{ Nonce, Origin string }
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return "", fmt.Errorf("eidtest: request: %w", err)
	}
	if len(r.Nonce) < 44 {
		return failure("ERR_WEBEID_NATIVE_INVALID_ARGUMENT")
	}
	token, err := c.Token(r.Nonce, r.Origin)
	if err != nil {
		return "", err
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(token), &fields); err != nil {
		return "", fmt.Errorf("eidtest: %w", err)
	}
	fields["action"] = "web-eid:authenticate-success"
	b, err := json.Marshal(fields)
	return string(b), err
}

// Refuse is the message of somebody who pressed "cancel".
func Refuse() (message string, err error) { return failure("ERR_WEBEID_USER_CANCELLED") }

func failure(code string) (string, error) {
	b, err := json.Marshal(map[string]any{"action": "web-eid:authenticate-failure", "error": map[string]string{"code": code, "message": code}})
	return string(b), err
}
