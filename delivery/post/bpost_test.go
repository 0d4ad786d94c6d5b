package post

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// bpostPeer plays bpost: it checks what it is told as the real one says it does.
type bpostPeer struct {
	*httptest.Server
	mu     sync.Mutex
	items  map[string]announcement // by barcode
	events map[string][]string
	proofs map[string][]byte
	fail   fault // of the next announcement
	calls  map[string]int
}

func startBpost(t *testing.T) *bpostPeer {
	t.Helper()
	p := &bpostPeer{items: map[string]announcement{}, events: map[string][]string{}, proofs: map[string][]byte{}, calls: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *bpostPeer) open(t *testing.T, change func(*BpostConfig)) *Bpost {
	t.Helper()
	cfg := BpostConfig{API: p.URL, Key: "key", Account: 843249, Router: 122598, Receipt: true, HTTP: p.Client()}
	if change != nil {
		change(&cfg)
	}
	b, err := NewBpost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ServeHTTP implements [http.Handler].
func (p *bpostPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("x-api-key") != "key" || r.Header.Get("x-api-version") != "v1" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	parts := strings.Split(r.URL.Path, "/")
	p.calls[parts[3]]++
	switch parts[3] {
	case "announcement":
		p.announce(w, r)
	case "search":
		var found []string
		for code, a := range p.items {
			if a.Item.Reference == r.URL.Query().Get("reference") {
				found = append(found, fmt.Sprintf(`{"barcode":%q,"customReference1":%q}`, code, a.Item.Reference))
			}
		}
		fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(found, ","))
	case "track":
		if _, ok := p.items[parts[4]]; !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"barcode":%q,"events":[%s]}`, parts[4], strings.Join(p.events[parts[4]], ","))
	case "proof":
		b, ok := p.proofs[parts[5]]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/pdf")
		w.Write(b)
	}
}

func (p *bpostPeer) announce(w http.ResponseWriter, r *http.Request) {
	f := p.fail
	p.fail = ""
	if f == failBefore {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	var a announcement
	raw, _ := io.ReadAll(r.Body)
	if json.Unmarshal(raw, &a) != nil || a.Account == 0 || a.Router == 0 || a.Item.Receiver.Country != "BE" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, who := range []bpostAddress{a.Item.Sender, a.Item.Receiver} {
		for _, field := range []string{who.Name, who.Extra, who.Street, who.City} {
			if len([]rune(field)) > 50 {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		}
	}
	code := fmt.Sprintf("010%027d", len(p.items)+1)
	p.items[code] = a
	switch f {
	case failAfter:
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
	case failTalk:
		io.WriteString(w, `{"barcode":"<b>"}`)
	default:
		fmt.Fprintf(w, `{"barcode":%q}`, code)
	}
}

// TestBpostAround: a letter is announced before it is handed over, carries its
// barcode, and what bpost saw comes with its proofs, each line once.
func TestBpostAround(t *testing.T) {
	t.Parallel()
	peer := startBpost(t)
	now := clock
	h := newFolder(t, func(c *Config) { c.Operator = peer.open(t, nil); c.Now = func() time.Time { return now } })
	l := newLetter("nl")
	p, _ := handOver(t, h, l)
	var m Manifest
	raw, err := os.ReadFile(h.path(p.Item + ".json"))
	if err != nil || json.Unmarshal(raw, &m) != nil {
		t.Fatal(err)
	}
	a, ok := peer.items[m.Barcode]
	if !ok || a.Item.Reference != p.Item || a.Item.Receiver.Name != "Mevrouw Ann Janssens" ||
		a.Item.Receiver.City != m.Address[len(m.Address)-1] || a.Item.Sender.Name != "Vastgoed De Linde bv" || a.Item.Options[0] != "digitalAR" {
		t.Fatalf("manifest %s, announced %+v", raw, peer.items)
	}
	handOver(t, h, l)
	if peer.calls["announcement"] != 1 {
		t.Errorf("announced %d times", peer.calls["announcement"])
	}
	event := func(status, reason, at string) string {
		return fmt.Sprintf(`{"status":%q,"reason":%q,"timestamp":%q,"place":"BRUXELLES X"}`, status, reason, at)
	}
	peer.events[m.Barcode] = []string{event("delivered_signed", "", "2026-11-20T08:00:00Z"), event("deposited", "", "2026-11-19T16:00:00Z"),
		event("a-new-word", "", "2026-11-19T17:00:00Z"), event("absent", "", "2036-11-19T17:00:00Z")}
	peer.proofs["deposit"] = proofPDF("deposit")
	now = now.Add(time.Hour)
	r := reports(t, h)
	if len(r) != 2 || r[0].Status != delivery.PostAccepted || r[1].Status != delivery.PostDelivered || r[1].Mode != "signed" || r[0].Tracking != m.Barcode {
		t.Fatalf("reports: %+v", r)
	}
	if len(r[0].Documents) != 2 || r[0].Documents[0].Kind != delivery.DepositProof || string(read(t, r[0].Documents[0])) != string(peer.proofs["deposit"]) ||
		!strings.Contains(string(read(t, r[0].Documents[1])), "BRUXELLES X") || len(r[1].Documents) != 1 {
		t.Errorf("papers: %+v", r)
	}
	calls := peer.calls["track"]
	if again := reports(t, h); len(again) != 2 || peer.calls["track"] != calls {
		t.Errorf("again: %d reports, asked %d times", len(again), peer.calls["track"]-calls)
	}
	for range 2 {
		for _, one := range r {
			if err := h.Done(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Hour)
		if again := reports(t, h); len(again) != 0 {
			t.Errorf("a line counted twice: %+v", again)
		}
	}
	if got := namesIn(t, h.path("papers")); len(got) != 0 {
		t.Errorf("papers left: %v", got)
	}
}

// TestBpostFails: whatever happens to the announcement, there is one.
func TestBpostFails(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{failBefore, failAfter, failTalk} {
		peer := startBpost(t)
		peer.fail = f
		h := newFolder(t, func(c *Config) { c.Operator = peer.open(t, nil) })
		l := newLetter("nl")
		_, err := h.HandOver(t.Context(), l)
		if err == nil || Permanent(err) {
			t.Errorf("%s: %v", f, err)
		}
		if got := filesIn(t, h); len(got) != 0 {
			t.Errorf("%s: handed over unannounced: %v", f, got)
		}
		handOver(t, h, l)
		if len(peer.items) != 1 {
			t.Errorf("%s: %d announcements", f, len(peer.items))
		}
	}
}

func TestBpostNotForAll(t *testing.T) {
	t.Parallel()
	peer := startBpost(t)
	h := newFolder(t, func(c *Config) { c.Operator = peer.open(t, nil) })
	abroad := newLetter("de")
	abroad.To = []string{"Anna Muster", "Hauptstraße 1", "52062 Aachen", "DE"}
	handOver(t, h, abroad)
	test := newLetter("nl")
	test.Test, test.Number = true, "AAAA-BBBB-CCCC"
	handOver(t, h, test)
	if len(peer.items) != 0 {
		t.Errorf("announced: %+v", peer.items)
	}
	if r := reports(t, h); len(r) != 0 || peer.calls["track"] != 0 {
		t.Errorf("tracked: %+v", r)
	}
}

func TestBpostFields(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 51)
	for name, c := range map[string]struct {
		lines []string
		want  bpostAddress
		err   bool
	}{
		"plain":      {[]string{"Ann", "Kerkstraat 1", "2800 MECHELEN"}, bpostAddress{"Ann", "", "Kerkstraat 1", "2800 MECHELEN", "BE"}, false},
		"extra":      {[]string{"Ann", "Dienst", "Gang 2", "Kerkstraat 1", "2800 MECHELEN"}, bpostAddress{"Ann", "Dienst, Gang 2", "Kerkstraat 1", "2800 MECHELEN", "BE"}, false},
		"long name":  {[]string{"Vereniging van mede-eigenaars Residentie De Witte Lelie", "Dorp 1", "9000 GENT"}, bpostAddress{"Vereniging van mede-eigenaars Residentie De Witte", "Lelie", "Dorp 1", "9000 GENT", "BE"}, false},
		"accents":    {[]string{strings.Repeat("é", 50), "Dorp 1", "9000 GENT"}, bpostAddress{strings.Repeat("é", 50), "", "Dorp 1", "9000 GENT", "BE"}, false},
		"one word":   {[]string{long, "Dorp 1", "9000 GENT"}, bpostAddress{}, true},
		"street":     {[]string{"Ann", long, "9000 GENT"}, bpostAddress{}, true},
		"city":       {[]string{"Ann", "Dorp 1", long}, bpostAddress{}, true},
		"extras":     {[]string{"Ann", strings.Repeat("y", 30), strings.Repeat("z", 30), "Dorp 1", "9000 GENT"}, bpostAddress{}, true},
		"too few":    {[]string{"Ann", "9000 GENT"}, bpostAddress{}, true},
		"none":       {nil, bpostAddress{}, true},
		"much more":  {[]string{strings.Repeat("w ", 60), "Dorp 1", "9000 GENT"}, bpostAddress{}, true},
		"name twice": {[]string{strings.Repeat("a", 40) + " " + strings.Repeat("b", 40) + " " + strings.Repeat("c", 40), "Dorp 1", "9000 GENT"}, bpostAddress{}, true},
	} {
		got, err := bpostLines(c.lines)
		if c.err && (!errors.Is(err, ErrAnnouncement) || !Permanent(err)) || !c.err && (err != nil || got != c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestBpostStrangers(t *testing.T) {
	t.Parallel()
	peer := startBpost(t)
	wrong := peer.open(t, func(c *BpostConfig) { c.Key = "guess" })
	if err := wrong.Check(t.Context()); !errors.Is(err, ErrSignIn) || strings.Contains(err.Error(), "guess") {
		t.Errorf("wrong key: %v", err)
	}
	if err := peer.open(t, nil).Check(t.Context()); err != nil {
		t.Error(err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"barcode":"010000000000000000000000000099","events":[{"status":"delivered","timestamp":"2026-11-19T17:00:00Z"}]}`)
	}))
	defer other.Close()
	lying := peer.open(t, func(c *BpostConfig) { c.API = other.URL })
	if _, err := lying.Track(t.Context(), "010000000000000000000000000001"); !errors.Is(err, ErrAnswer) {
		t.Errorf("history of another letter: %v", err)
	}
	for name, spoil := range map[string]func(*BpostConfig){
		"key": func(c *BpostConfig) { c.Key = "" }, "account": func(c *BpostConfig) { c.Account = 0 },
		"product": func(c *BpostConfig) { c.Product = "parcel" }, "in clear": func(c *BpostConfig) { c.API = "http://sen.example" },
	} {
		cfg := BpostConfig{Key: "k", Account: 1}
		spoil(&cfg)
		if _, err := NewBpost(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestBpostOnce: a line of the history counts once, also while the letter is still
// under way.
func TestBpostOnce(t *testing.T) {
	t.Parallel()
	peer := startBpost(t)
	now := clock
	h := newFolder(t, func(c *Config) { c.Operator = peer.open(t, nil); c.Now = func() time.Time { return now } })
	handOver(t, h, newLetter("nl"))
	for code := range peer.items {
		peer.events[code] = []string{`{"status":"deposited","timestamp":"2026-11-19T16:00:00Z"}`}
	}
	seen := 0
	for range 3 {
		now = now.Add(time.Hour)
		for _, r := range reports(t, h) {
			seen++
			if err := h.Done(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen != 1 {
		t.Errorf("counted %d times", seen)
	}
}
