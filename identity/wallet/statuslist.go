package wallet

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

const (
	maxStatusList = 8 << 20 // octets when inflated: eight million credentials of eight bits
	maxListAge    = time.Hour
)

// statusList is a status list whose token was verified.
type statusList struct {
	bits  int
	data  []byte
	token string
	until time.Time // by its own exp and ttl, and our limit
}

// readList verifies a status list token of the provider of the credential.
//
// draft-ietf-oauth-status-list §5.1, §8.3; HAIP 1.0 §6.1
func readList(token, uri string, p Provider, at time.Time) (statusList, error) {
	j, err := parseJWS(token, "statuslist+jwt")
	if err != nil {
		return statusList{}, fmt.Errorf("status list: %w", err)
	}
	chain, err := headerChain(j.header)
	if err != nil {
		return statusList{}, fmt.Errorf("status list: %w", err)
	}
	key, err := signer(chain, p.Anchors, at)
	if err != nil {
		return statusList{}, fmt.Errorf("status list: %w", err)
	}
	if err := j.verify(key); err != nil {
		return statusList{}, fmt.Errorf("status list: %w", err)
	}
	claims, err := parseObject(j.payload)
	if err != nil {
		return statusList{}, fmt.Errorf("status list: %w", err)
	}
	if text(claims, "sub") != uri {
		return statusList{}, errors.New("status list: it is another one")
	}
	s, err := inflate(claims["status_list"])
	if err != nil {
		return statusList{}, err
	}
	s.token = token
	s.until, err = listUntil(claims, at)
	return s, err
}

// listUntil is until when a list may be used, by its exp and ttl.
func listUntil(claims map[string]any, at time.Time) (time.Time, error) {
	until := at.Add(maxListAge)
	if made, ok := numericDate(claims["iat"]); !ok || made.After(at.Add(skew)) {
		return until, errors.New("status list: made in the future, or nobody knows when")
	}
	if v, given := claims["exp"]; given {
		exp, ok := numericDate(v)
		if !ok || !at.Before(exp) {
			return until, errors.New("status list: expired")
		}
		if exp.Before(until) {
			until = exp
		}
	}
	if ttl, ok := claims["ttl"].(json.Number); ok {
		sec, err := ttl.Float64()
		if err != nil || sec < 0 {
			return until, errors.New("status list: ttl is malformed")
		}
		if sec < maxListAge.Seconds() {
			until = minTime(until, at.Add(time.Duration(sec)*time.Second))
		}
	}
	return until, nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// inflate reads bits and lst.
//
// draft-ietf-oauth-status-list §4.1, §4.2
func inflate(v any) (statusList, error) {
	m, _ := v.(map[string]any)
	n, _ := m["bits"].(json.Number)
	bits, err := strconv.Atoi(n.String())
	if err != nil || !slices.Contains([]int{1, 2, 4, 8}, bits) {
		return statusList{}, errors.New("status list: bits")
	}
	packed, err := unbase64(text(m, "lst"))
	if err != nil {
		return statusList{}, errors.New("status list: lst is not base64url")
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return statusList{}, errors.New("status list: lst is not compressed")
	}
	data, err := io.ReadAll(io.LimitReader(z, maxStatusList+1))
	if err != nil || len(data) > maxStatusList {
		return statusList{}, errors.New("status list: cannot be inflated, or too long")
	}
	return statusList{bits: bits, data: data}, nil
}

// value is the status at an index; ok is false beyond the end.
func (s statusList) value(index int) (value byte, ok bool) {
	perOctet := 8 / s.bits
	if index < 0 || index/perOctet >= len(s.data) {
		return 0, false
	}
	return s.data[index/perOctet] >> (index % perOctet * s.bits) & byte(1<<s.bits-1), true
}

// check is nil for the status VALID. What is suspended today does not identify
// today; what we do not know is no reason to believe.
func (s statusList) check(index int) error {
	switch v, ok := s.value(index); {
	case !ok:
		return fmt.Errorf("%w: status list ends before it", ErrCredential)
	case v == 1:
		return fmt.Errorf("%w: revoked", ErrCredential)
	case v != 0:
		return fmt.Errorf("%w: status %d", ErrCredential, v)
	}
	return nil
}
