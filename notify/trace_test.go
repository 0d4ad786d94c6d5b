package notify_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bode-erds/bode/notify"
)

// What a transport saw is stored, and comes back as it was digested.
func TestTraceIsStored(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 13<<10) + `"}`
	for name, c := range map[string]struct{ trace, want string }{
		"object":           {`{"b": [1, 2.50, {"d":"é<>&"}], "a": "x"}`, `{"a":"x","b":[1,2.50,{"d":"é<>&"}]}`},
		"none":             {``, ``},
		"no JSON":          {`{"a":`, ``},
		"no object":        {`[1]`, ``},
		"a NUL":            {`{"a":"\u0000"}`, ``},
		"half a surrogate": {`{"a":"\ud800"}`, ``},
		"not UTF-8":        {"{\"a\":\"\xff\"}", ``},
		"too long":         {long, ``},
		"two":              {`{} {}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := notify.Result{Outcome: notify.Sent, Trace: json.RawMessage(c.trace)}
			r := newRig(t, byMail(&scripted{results: []notify.Result{result}}))
			n := r.notice("an@example.be")
			r.enqueue(n)
			if got := r.closed(n.ID); got != "sent" {
				t.Fatal(got)
			}
			h, err := r.service.History(context.Background(), r.pool, n.Delivery)
			if err != nil {
				t.Fatal(err)
			}
			got := h[0].Attempts[0].Result
			if string(got.Trace) != c.want || got.TraceDigest() != result.TraceDigest() || (got.TraceDigest() == "") != (c.want == "") {
				t.Errorf("%s, digest %s, want %s", got.Trace, got.TraceDigest(), result.TraceDigest())
			}
		})
	}
}
