package eid_test

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

// TestCardDeposits: Finish takes nothing on trust but that the key was there.
func TestCardDeposits(t *testing.T) {
	t.Parallel()
	a := authority(t)
	h := startHost(t, a)
	shown := func(p eidtest.Person) (identity.Challenge, map[string]any) {
		card := issue(t, a, p).TLS()
		c := h.wait(t)
		if _, err := h.post(t, h.browser(&card), c.Key); err != nil {
			t.Fatal(err)
		}
		var d struct{ Shown map[string]any }
		if err := json.Unmarshal(h.deposited(c), &d); err != nil {
			t.Fatal(err)
		}
		return c, d.Shown
	}
	c, mine := shown(ann())
	_, other := shown(nour())
	stranger := issue(t, authority(t), ann())
	signed, err := identify(t, webEID(t, h.v), issue(t, a, ann()), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var web map[string]any
	if err := json.Unmarshal(signed.Token, &web); err != nil {
		t.Fatal(err)
	}
	with := func(changes map[string]any) map[string]any {
		d := map[string]any{}
		for k, v := range mine {
			d[k] = v
		}
		for k, v := range changes {
			d[k] = v
		}
		return d
	}
	for name, tc := range map[string]struct {
		direct any
		want   error
	}{
		"empty":               {map[string]any{}, eid.ErrDeposit},
		"not JSON":            {json.RawMessage("7"), eid.ErrDeposit},
		"unknown failure":     {map[string]any{"failure": "bad luck"}, eid.ErrDeposit},
		"failure":             {map[string]any{"failure": "revoked", "shown": mine}, eid.ErrRevoked},
		"a Web eID token":     {map[string]any{"shown": web}, eid.ErrDeposit},
		"no certificate":      {map[string]any{"shown": with(map[string]any{"chain": []any{}})}, eid.ErrArtefact},
		"another certificate": {map[string]any{"shown": with(map[string]any{"chain": other["chain"]})}, eid.ErrResponse},
		"a stranger's":        {map[string]any{"shown": with(map[string]any{"chain": [][]byte{stranger.Certificate.Raw}})}, eid.ErrIssuer},
		"another's answer":    {map[string]any{"shown": with(map[string]any{"ocsp": other["ocsp"], "asked": other["asked"]})}, eid.ErrResponse},
		"another nonce":       {map[string]any{"shown": with(map[string]any{"asked": other["asked"]})}, eid.ErrResponse},
		"no answer":           {map[string]any{"shown": with(map[string]any{"ocsp": nil})}, eid.ErrResponse},
		"shown yesterday":     {map[string]any{"shown": with(map[string]any{"at": time.Now().Add(-24 * time.Hour)})}, eid.ErrDeposit},
		"shown tomorrow":      {map[string]any{"shown": with(map[string]any{"at": time.Now().Add(24 * time.Hour)})}, eid.ErrDeposit},
	} {
		b, err := json.Marshal(tc.direct)
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.Finish(t.Context(), c.Saved, identity.Answer{Direct: b}, time.Now())
		if !isError(err, tc.want) || p.Method != "" {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	p, err := h.Finish(t.Context(), c.Saved, identity.Answer{Values: url.Values{"token": {"x"}}}, time.Now())
	refused(t, p, err, eid.ErrDeposit, identity.ErrLoginStale)
	p, err = h.finish(t, c, time.Now().Add(11*time.Minute))
	refused(t, p, err, eid.ErrDeposit, identity.ErrLoginStale)
	if _, err := h.finish(t, c, time.Now().Add(9*time.Minute)); err != nil {
		t.Error("nine minutes later:", err)
	}
}

func TestNewCard(t *testing.T) {
	t.Parallel()
	v := verifier(t, authority(t))
	for name, cfg := range map[string]eid.CardConfig{
		"nothing":    {},
		"no main":    {Address: "https://eid.example/card"},
		"HTTP":       {Address: "http://eid.example/card", Main: origin},
		"no path":    {Address: "https://eid.example", Main: origin},
		"a query":    {Address: "https://eid.example/card?x", Main: origin},
		"main host":  {Address: origin + "/card", Main: origin},
		"main slash": {Address: "https://eid.example/card", Main: origin + "/"},
	} {
		if _, err := eid.NewCard(v, cfg); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}
