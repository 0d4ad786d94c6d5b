package logweb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/logweb"
	"github.com/bode-erds/bode/evidence/tlog"
)

// client is our side.
func (w *server) client(t testing.TB) *logweb.Witness {
	t.Helper()
	v, err := tlog.Cosigner(w.signer.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := logweb.NewWitness(logweb.WitnessConfig{URL: w.URL + "/w/", Key: v, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// offer offers the last checkpoint of s and checks what came back by proving an
// entry with it.
func offer(t testing.TB, w *server, s *store, old int64) error {
	t.Helper()
	line, err := w.client(t).Offer(t.Context(), old, s.size, s.checkpoint, s.prove(s.size))
	if err != nil {
		return err
	}
	p, err := tlog.Prove(t.Context(), s, s.size, 0)
	if err != nil {
		t.Fatal(err)
	}
	proof := tlog.FormatProof(0, p, append(bytes.Clone(s.checkpoint), line...))
	trust := evidence.Trust{Log: s.key.Public(), Witnesses: []string{w.signer.Verifier().String()}, Quorum: 1}
	info, err := tlog.Checker{}.CheckProof(proof, entry(0), trust)
	if err != nil || len(info.Witnesses) != 1 || info.Witnesses[0] != "witness.example/w1" || bytes.Count(line, []byte("\n")) != 1 {
		t.Errorf("cosigned proof: %+v, %v", info, err)
	}
	return nil
}

func TestWitnessCosigns(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1)
	w := newServer(t, s)
	old := int64(0)
	for _, size := range []int64{1, 2, 255, 256, 257, 1030, 70000} {
		if size > s.size {
			s.grow(t, entries(s.size, size))
		}
		if err := offer(t, w, s, old); err != nil {
			t.Fatalf("from %d to %d: %v", old, size, err)
		}
		old = size
	}
	if w.count() != 7 {
		t.Errorf("asked %d times", w.count())
	}
	// The same again: a witness cosigns what it already knows.
	if err := offer(t, w, s, old); err != nil {
		t.Error(err)
	}
}

// Whatever is lost on the way, the next offer succeeds, and the witness never
// has to believe more than a proof.
func TestWitnessFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault fault
		want  error
		knows int64 // what the witness cosigned in spite of it
	}{
		{lost, logweb.ErrUnavailable, 500},
		{unwell, logweb.ErrUnavailable, 300},
		{silent, logweb.ErrUnavailable, 300},
		{wrongLine, logweb.ErrAnswer, 500},
		{endless, logweb.ErrAnswer, 500},
		{moved, logweb.ErrRefused, 300},
	} {
		s := newStore(t, 300)
		w := newServer(t, s)
		if err := offer(t, w, s, 0); err != nil {
			t.Fatal(err)
		}
		s.grow(t, entries(300, 500))
		w.fails(c.fault)
		if err := offer(t, w, s, 300); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.fault, err)
		}
		if got := w.head(s).N; got != c.knows {
			t.Errorf("%s: the witness is at %d", c.fault, got)
		}
		if err := offer(t, w, s, 300); err != nil { // we still think it is at 300
			t.Errorf("%s, then again: %v", c.fault, err)
		}
		s.grow(t, entries(500, 600))
		if err := offer(t, w, s, 300); err != nil {
			t.Errorf("%s, then more: %v", c.fault, err)
		}
	}
}

func TestWitnessRefuses(t *testing.T) {
	t.Parallel()
	s, fork := newStore(t, 400), newStore(t, 0)
	fork.key = s.key
	other := entries(0, 500)
	other[7][0] ^= 1
	fork.grow(t, other)
	w := newServer(t, s)
	if err := offer(t, w, s, 0); err != nil {
		t.Fatal(err)
	}
	if err := offer(t, w, fork, 400); !errors.Is(err, logweb.ErrInconsistent) {
		t.Errorf("fork: %v", err)
	}
	if err := offer(t, w, fork, 0); !errors.Is(err, logweb.ErrInconsistent) {
		t.Errorf("fork, as if new: %v", err)
	}
	same := newStore(t, 0)
	same.key = s.key
	same.grow(t, other[:400])
	if err := offer(t, w, same, 400); !errors.Is(err, logweb.ErrInconsistent) {
		t.Errorf("fork of the same size: %v", err)
	}
	// A log that lost entries: the witness knows more than we do.
	short := newStore(t, 0)
	short.key = s.key
	short.grow(t, entries(0, 350))
	err := offer(t, w, short, 0)
	if conflict, ok := errors.AsType[*logweb.ConflictError](err); !ok || conflict.Size != 400 {
		t.Errorf("roll-back: %v", err)
	}
	if err := offer(t, w, newRenamed(t), 0); !errors.Is(err, logweb.ErrRefused) {
		t.Errorf("unknown log: %v", err)
	}
	if err := offer(t, w, newStore(t, 400), 400); !errors.Is(err, logweb.ErrRefused) {
		t.Errorf("another key: %v", err)
	}
	if w.head(s).Hash != s.root {
		t.Error("the witness changed its mind")
	}
	failed := errors.New("no tiles")
	_, err = w.client(t).Offer(t.Context(), 400, 400, s.checkpoint, func(context.Context, int64) ([][32]byte, error) { return nil, failed })
	if !errors.Is(err, failed) {
		t.Error(err)
	}
}

// newRenamed is a log that no witness knows.
func newRenamed(t testing.TB) *store {
	t.Helper()
	s := newStore(t, 0)
	k, err := tlog.GenerateKey(t.TempDir()+"/other.key", "other.example/log")
	if err != nil {
		t.Fatal(err)
	}
	s.key = k
	s.grow(t, entries(0, 10))
	return s
}

// Answers no witness should give, and what becomes of them.
func TestWitnessAnswers(t *testing.T) {
	t.Parallel()
	s := newStore(t, 300)
	w := newServer(t, s)
	_, line := w.add("old 0\n\n"+string(s.checkpoint), false)
	_, mine, _ := strings.Cut(line, "\n") // without the stranger's
	text, _, _ := strings.Cut(string(s.checkpoint), "\n\n")
	for _, c := range []struct {
		name   string
		status int
		media  string
		body   string
		want   error
	}{
		{"nothing", 200, "", "", logweb.ErrAnswer},
		{"newline", 200, "", "\n", logweb.ErrAnswer},
		{"HTML", 200, "text/html", "<html>hello</html>\n", logweb.ErrAnswer},
		{"only a stranger", 200, "", line[:len(line)-len(mine)], logweb.ErrAnswer},
		{"no last newline", 200, "", strings.TrimSuffix(mine, "\n"), logweb.ErrAnswer},
		{"CRLF", 200, "", strings.ReplaceAll(mine, "\n", "\r\n"), logweb.ErrAnswer},
		{"cut", 200, "", mine[:len(mine)-8] + "\n", logweb.ErrAnswer},
		{"bit changed", 200, "", mine[:60] + flip(mine[60]) + mine[61:], logweb.ErrAnswer},
		{"spare bits", 200, "", spare(mine), logweb.ErrAnswer},
		{"signature of the log", 200, "", string(s.checkpoint[len(text)+2:]), logweb.ErrAnswer},
		{"whole note", 200, "", text + "\n\n" + mine, logweb.ErrAnswer},
		{"whole note again", 200, "", mine + "\n" + text + "\n\n" + mine, logweb.ErrAnswer},
		{"empty line before", 200, "", "\n" + mine, logweb.ErrAnswer},
		{"another text, signed", 200, "", "x\n\n" + cosigned(text+"\n\nx\n"), logweb.ErrAnswer},
		{"status 201", 201, "", mine, logweb.ErrRefused},
		{"status 204", 204, "", "", logweb.ErrRefused},
		{"bad request", 400, "", mine, logweb.ErrRefused},
		{"forbidden", 403, "", mine, logweb.ErrRefused},
		{"not found", 404, "", mine, logweb.ErrRefused},
		{"too many", 429, "", mine, logweb.ErrUnavailable},
		{"internal", 500, "", mine, logweb.ErrUnavailable},
		{"gateway", 502, "", mine, logweb.ErrUnavailable},
		{"timeout", 504, "", mine, logweb.ErrUnavailable},
		{"history", 422, "", mine, logweb.ErrInconsistent},
		{"conflict without size", 409, "text/x.tlog.size", "", logweb.ErrAnswer},
		{"conflict in words", 409, "text/x.tlog.size", "many\n", logweb.ErrAnswer},
		{"conflict negative", 409, "text/x.tlog.size", "-1\n", logweb.ErrAnswer},
		{"conflict with zero", 409, "text/x.tlog.size", "07\n", logweb.ErrAnswer},
		{"conflict beyond int64", 409, "text/x.tlog.size", "9223372036854775808\n", logweb.ErrAnswer},
		{"conflict without newline", 409, "text/x.tlog.size", "7", logweb.ErrAnswer},
		{"conflict of another kind", 409, "text/plain", "7\n", logweb.ErrAnswer},
	} {
		w.answers(func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", c.media)
			rw.WriteHeader(c.status)
			io.WriteString(rw, c.body)
		})
		if got, err := w.client(t).AddCheckpoint(t.Context(), 0, nil, s.checkpoint); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	// A witness that always gives another size is not asked for ever.
	for _, size := range []int64{0, 5, 300, 301, 1 << 62} {
		w.answers(func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(409)
			fmt.Fprintf(rw, "%d\n", size)
		})
		err := offer(t, w, s, 7)
		if conflict, ok := errors.AsType[*logweb.ConflictError](err); !ok || conflict.Size != size || w.count() > 2 {
			t.Errorf("always %d: asked %d times, %v", size, w.count(), err)
		}
	}
}

func TestWitnessSlow(t *testing.T) {
	t.Parallel()
	s := newStore(t, 3)
	w := newServer(t, s)
	v, err := tlog.Cosigner(w.signer.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	c, err := logweb.NewWitness(logweb.WitnessConfig{URL: slow.URL, Key: v, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddCheckpoint(t.Context(), 0, nil, s.checkpoint); !errors.Is(err, logweb.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.client(t).AddCheckpoint(ctx, 0, nil, s.checkpoint); !errors.Is(err, context.Canceled) || w.count() != 0 {
		t.Error(err)
	}
	w.Close()
	if _, err := w.client(t).AddCheckpoint(t.Context(), 0, nil, s.checkpoint); !errors.Is(err, logweb.ErrUnavailable) {
		t.Error(err)
	}
}

func TestWitnessConfig(t *testing.T) {
	t.Parallel()
	v, err := tlog.Cosigner(cosigner(t, "w.example", 1).Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"", "witness.example", "ftp://witness.example", "http://", "http://a b", "https://w.example/?x=1", "https://w.example/#x"} {
		if _, err := logweb.NewWitness(logweb.WitnessConfig{URL: url, Key: v}); !errors.Is(err, logweb.ErrConfig) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := logweb.NewWitness(logweb.WitnessConfig{URL: "https://w.example"}); !errors.Is(err, logweb.ErrConfig) {
		t.Error(err)
	}
	c, err := logweb.NewWitness(logweb.WitnessConfig{URL: "https://w.example", Key: v})
	if err != nil || c.Name() != "w.example" {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() ([]byte, error){
		"no note": func() ([]byte, error) { return c.AddCheckpoint(t.Context(), 0, nil, []byte("x\n")) },
		"long proof": func() ([]byte, error) {
			return c.AddCheckpoint(t.Context(), 1, make([][32]byte, 64), []byte("x\n\ny\n"))
		},
		"negative size": func() ([]byte, error) { return c.AddCheckpoint(t.Context(), -1, nil, []byte("x\n\ny\n")) },
	} {
		if _, err := ask(); !errors.Is(err, logweb.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
