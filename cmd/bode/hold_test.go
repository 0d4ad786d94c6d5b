package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// TestHoldCommands holds a message by the program, by its number and by its id,
// and lets it go.
func TestHoldCommands(t *testing.T) {
	t.Parallel()
	d := newDeskTown(t)
	a, account, by := d.app, d.account, d.by
	policy := a.deliveries.DefaultPolicy()
	policy.Fallback, policy.PostAtOnce = delivery.FallbackNone, false
	var sent []delivery.Message
	for i := range 2 {
		m, _, err := a.deliveries.Submit(t.Context(), by, delivery.Submission{Subject: fmt.Sprintf("Test %d", i), Body: "Test", Language: "fr",
			Recipients: []delivery.Recipient{{Given: "An", Family: "Peeters", Email: "an@example.be", Mobile: "+32470104799", Language: "nl"}},
			Policy:     policy}, delivery.Once{})
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, m)
	}
	hold := func(args ...string) said { return command{env: d.env, args: append([]string{"hold"}, args...)}.run(t) }
	held := func(m delivery.Message) bool {
		m, err := a.deliveries.Message(t.Context(), account, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		return m.Held
	}
	first, second := sent[0], sent[1]
	why := []string{"--reason", "case 2026/17,\nstep 2", "--by", "An Counsel"}

	typed := strings.ReplaceAll(strings.ToLower(first.Number), "-", " ")
	s1 := hold(append([]string{"place", typed}, why...)...)
	s1.expect(t, "place by number", 0, first.Number, `"msg":"hold placed"`, `"by":"An Counsel"`, string(first.ID))
	if strings.Contains(s1.err, "2026/17") {
		t.Error("the reason is in the log")
	}
	hold(append([]string{"place", string(second.ID)}, why...)...).expect(t, "place by id", 0, second.Number)
	if !held(first) || !held(second) {
		t.Error("not held")
	}
	l := hold("list")
	l.expect(t, "list", 0, first.Number, second.Number, "case 2026/17, step 2", "An Counsel", `"msg":"holds listed"`)
	if n := strings.Count(l.out, "\n"); n != 3 {
		t.Errorf("list has %d lines, want 3:\n%s", n, l.out)
	}

	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"twice":            {append([]string{"place", first.Number}, why...), 1, "legal hold"},
		"unknown number":   {append([]string{"place", "0000-0000-0000"}, why...), 1, "not found"},
		"unknown id":       {append([]string{"place", "0193aa00-0000-7000-8000-000000000000"}, why...), 1, "not found"},
		"no number":        {append([]string{"place", "%"}, why...), 1, "not found"},
		"nothing":          {append([]string{"place", ""}, why...), 1, "not found"},
		"no message":       {[]string{"place", "--reason", "x", "--by", "y"}, 2, "number"},
		"no reason":        {[]string{"place", first.Number, "--by", "y"}, 2, "--reason"},
		"blank reason":     {[]string{"place", first.Number, "--by", "y", "--reason", " "}, 2, "--reason"},
		"nobody":           {[]string{"place", first.Number, "--reason", "x"}, 2, "--by"},
		"blank name":       {[]string{"lift", first.Number, "--by", "\t"}, 2, "--by"},
		"lift what is not": {[]string{"lift", "0000-0000-0000", "--by", "y"}, 1, "not found"},
		"lift for nobody":  {[]string{"lift", first.Number}, 2, "--by"},
	} {
		hold(c.args...).expect(t, name, c.code, c.want)
	}

	hold("lift", first.Number, "--by", "An Counsel").expect(t, "lift", 0, `"msg":"hold lifted"`)
	hold("lift", first.Number, "--by", "An Counsel").expect(t, "lift again", 1, "under no hold")
	if held(first) || !held(second) {
		t.Error("the wrong one was lifted")
	}
	after := hold("list")
	after.expect(t, "list", 0, second.Number)
	if strings.Contains(after.out, first.Number) {
		t.Errorf("a lifted hold is listed:\n%s", after.out)
	}
	hold(append([]string{"place", first.Number}, why...)...).expect(t, "place once more", 0)
}
