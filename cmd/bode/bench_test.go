package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const loggedSubmissions = `[7] LOG:  statement: begin
[7] LOG:  execute stmtcache_1: INSERT INTO idempotency (account_id, key)
	VALUES ($1, $2)
[7] DETAIL:  parameters: $1 = 'begin', $2 = 'INSERT INTO message'
[7] LOG:  execute stmtcache_2: INSERT INTO message (id) VALUES ($1)
[7] LOG:  statement: commit
[8] LOG:  execute stmtcache_3: SELECT k.id FROM api_key k
[8] LOG:  statement: begin
[7] LOG:  execute stmtcache_4: SELECT d.id FROM delivery d
[8] LOG:  execute stmtcache_1:
	INSERT INTO idempotency (account_id, key)
[8] LOG:  execute stmtcache_2: INSERT INTO message (id) VALUES ($1)
[8] LOG:  execute stmtcache_5: -- name: JobInsertFastMany :many
	WITH raw AS (SELECT 1)
	INSERT INTO river_job (id)
[8] LOG:  statement: commit
[9] LOG:  statement: begin
[9] LOG:  execute stmtcache_9: INSERT INTO account (id) VALUES ($1)
[9] LOG:  statement: commit
`

func TestLastSubmission(t *testing.T) {
	t.Parallel()
	all, err := readStatements(strings.NewReader(loggedSubmissions))
	if err != nil {
		t.Fatal(err)
	}
	inside, around := lastSubmission(all)
	if len(inside) != 3 || around != 2 {
		t.Fatalf("%d statements inside, %d around: %q", len(inside), around, inside)
	}
	for i, want := range []string{"idempotency", "message"} {
		if m := insertsInto.FindStringSubmatch(inside[i]); m == nil || m[1] != want {
			t.Errorf("statement %d inserts into %q, want %s", i, m, want)
		}
	}
	for name, log := range map[string]string{
		"empty":        "",
		"noise":        "no log at all\n\tcontinued\n",
		"one only":     loggedSubmissions[:strings.Index(loggedSubmissions, "[8]")],
		"rolled back":  "[1] LOG:  statement: begin\n[1] LOG:  statement: INSERT INTO message (id)\n[1] LOG:  statement: rollback\n",
		"never closed": "[1] LOG:  statement: begin\n[1] LOG:  statement: INSERT INTO message (id)\n",
	} {
		all, err := readStatements(strings.NewReader(log))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if inside, around := lastSubmission(all); len(inside) != 0 || around != 0 {
			t.Errorf("%s: %q and %d", name, inside, around)
		}
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	tables := []string{"message", "job", "notice", "job"}
	for i, want := range []int{1, 1, 2, 2} {
		rows := map[string]int{"message": 1, "job": 3, "notice": 2}[tables[i]]
		if got := share(rows, tables, i); got != want {
			t.Errorf("statement %d on %s: %d rows, want %d", i, tables[i], got, want)
		}
	}
	if got := share(0, tables, 0); got != 1 {
		t.Errorf("no rows seen: %d, want 1", got)
	}
}

func TestInsertOfYardstick(t *testing.T) {
	t.Parallel()
	sample := "'x'::text"
	columns := []column{
		{name: "id", kind: "uuid", unique: true, sample: &sample}, {name: "job", kind: "bigint", unique: true, computed: true},
		{name: "note", kind: "text", sample: &sample}, {name: "gone", kind: "text"},
	}
	got := insert("message", columns, 2)
	want := "INSERT INTO yard.message (id,note,gone) VALUES " +
		"(lpad(to_hex((:x::bigint*8+0)),32,'0')::uuid,'x'::text,NULL),(lpad(to_hex((:x::bigint*8+1)),32,'0')::uuid,'x'::text,NULL);"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestQuantileAndMedian(t *testing.T) {
	t.Parallel()
	l := load{took: 2 * time.Second, times: []time.Duration{1, 2, 3, 4}}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := l.quantile(q); got != want {
			t.Errorf("quantile %g: %d, want %d", q, got, want)
		}
	}
	if l.rate() != 2 || (load{}).quantile(0.5) != 0 {
		t.Errorf("rate %g, of nothing %d", l.rate(), (load{}).quantile(0.5))
	}
	for want, values := range map[float64][]float64{0: nil, 7: {7}, 2: {3, 2, 1}, 2.5: {4, 1, 3, 2}} {
		if got := median(slices.Clone(values)); got != want {
			t.Errorf("median of %v: %g, want %g", values, got, want)
		}
	}
}

// TestPress holds that clients reuse their connections and that a refusal is
// never counted as work done.
func TestPress(t *testing.T) {
	t.Parallel()
	var connections, refuseAfter atomic.Int64
	refuseAfter.Store(1 << 30)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuseAfter.Add(-1) < 0 {
			http.Error(w, "too many", http.StatusTooManyRequests)
			return
		}
		io.WriteString(w, "yes")
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { connections.Add(1); return ctx }
	server.Start()
	defer server.Close()
	ask := func(int, int) []byte { return []byte("GET / HTTP/1.1\r\nHost: bode\r\n\r\n") }

	l, err := press(t.Context(), server.URL, 3, 0, 200, ask)
	if err != nil || len(l.times) != 3 || connections.Load() != 3 {
		t.Errorf("%d answers on %d connections, %v", len(l.times), connections.Load(), err)
	}
	if !slices.IsSorted(l.times) {
		t.Error("times are not in order")
	}
	refuseAfter.Store(2)
	if _, err := press(t.Context(), server.URL, 2, time.Minute, 200, ask); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("a refusal: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := press(gone, server.URL, 2, time.Minute, 200, ask); err == nil {
		t.Error("pressed on after its end")
	}
	server.Close()
	if _, err := press(t.Context(), server.URL, 1, 0, 200, ask); err == nil {
		t.Error("nobody listens, and all was well")
	}
}

func TestMemoryOf(t *testing.T) {
	t.Parallel()
	const status = "Name:\tbode\nVmPeak:\t 2085448 kB\nVmHWM:\t   47592 kB\nVmRSS:\t   47000 kB\nThreads:\t7\n"
	if n, err := memoryOf([]byte(status), "VmHWM"); err != nil || n != 47592 {
		t.Errorf("%d, %v", n, err)
	}
	for _, field := range []string{"Threads", "Hwm", "", "Vm.*"} {
		if n, err := memoryOf([]byte(status), field); err == nil {
			t.Errorf("%q: %d", field, n)
		}
	}
}

func TestSignatureTime(t *testing.T) {
	t.Parallel()
	got, err := signatureTime([]byte("+DT:ecdsap256:2\n+F4:3:256:20000.0:7028.9\n"))
	if err != nil || got != 50*time.Microsecond {
		t.Errorf("%s, %v", got, err)
	}
	for _, text := range []string{"", "+F4:3:384:20000.0:7028.9", "+F4:3:256:0.0:7028.9", "+F4:3:256:1.2.3:7", "x+F4:3:256:20000.0:7"} {
		if got, err := signatureTime([]byte(text)); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestReadStat(t *testing.T) {
	t.Parallel()
	const stat = "42 (a ) b) S 7 42 42 0 -1 4194560 5 6 7 8 11 22 33 44 20 0 1 0 5"
	if s, err := readStat(stat); err != nil || s != (procStat{7, 330 * time.Millisecond, 770 * time.Millisecond}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"", "42", "42 (x) S 7", strings.Replace(stat, "S 7", "S x", 1), strings.Replace(stat, "11 22", "11 ?", 1)} {
		if s, err := readStat(text); err == nil {
			t.Errorf("%q: %+v", text, s)
		}
	}
}
