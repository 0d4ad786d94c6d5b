package main

import (
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// TestNothingLeaves runs the real thing with a test key: a message to a real
// address is told, expires and goes on paper, and neither the relay, nor the SMS
// provider, nor the folder of the print partner sees anything of it.
func TestNothingLeaves(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.run(t, nil, "migrate").expect(t, "migrate", 0)
	account := e.run(t, nil, opening(writeFile(t, e.path("password"), goodPassword))...).field(t, "account")
	key := strings.TrimSpace(e.run(t, nil, "account", "key", account, "--mode", "test", "--name", "ERP").out)
	both := e.start(t, e.listen, "serve")
	p := &player{outsider: outsider{info: info{BaseURL: "http://" + both.addr, CatcherURL: e.catcher.URL(), TestKey: key}, client: &http.Client{Timeout: time.Minute}}}
	c := cast[0]
	var m struct{ Deliveries []struct{ ID string } }
	if err := p.call(t.Context(), http.MethodPost, "/messages", map[string]any{"subject": "Test", "body": "Test",
		"recipients": []map[string]any{{"name": map[string]string{"given": c.given, "family": c.family}, "email": c.email, "mobile": c.mobile, "language": c.language,
			"postal_address": map[string]any{"lines": c.lines, "postcode": c.postcode, "city": c.city, "country": "BE"}}}}, &m); err != nil {
		t.Fatal(err)
	}
	p.delivered = []string{m.Deliveries[0].ID}
	if err := p.state(t.Context(), 0, delivery.Notified); err != nil {
		t.Fatal(err)
	}
	if err := p.call(t.Context(), http.MethodPost, "/test-clock/advance", map[string]string{"by": "P20D"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.state(t.Context(), 0, delivery.Posting); err != nil {
		t.Fatal(err)
	}
	both.stop(t, stopWithin)
	for _, x := range e.catcher.Messages() {
		if x.To == c.email || x.To == c.mobile || x.Kind == string(notify.Receipt) {
			t.Errorf("%s to %s left", x.Kind, x.To)
		}
	}
	err := filepath.WalkDir(e.path("post"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".pdf") || strings.HasSuffix(path, ".json")) {
			t.Errorf("%s stays", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
