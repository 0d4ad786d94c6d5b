package logweb_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	merkle "golang.org/x/mod/sumdb/tlog"
)

// fault is what a witness does wrong in one answer.
type fault string

const (
	lost      fault = "lost"      // it cosigned and the answer did not come back
	unwell    fault = "unwell"    // it did nothing and said so
	silent    fault = "silent"    // it did nothing and said nothing
	wrongLine fault = "wrongLine" // it cosigned another text
	endless   fault = "endless"   // an answer without end
	moved     fault = "moved"     // somebody else is to be asked
)

// server is a witness as https://c2sp.org/tlog-witness demands: it remembers what
// it cosigned and refuses whatever does not continue that.
type server struct {
	*httptest.Server
	t      testing.TB
	signer *torchwood.CosignatureSigner
	logs   map[string]note.Verifier

	mu     sync.Mutex
	heads  map[string]merkle.Tree
	faults []fault // one for each of the next requests
	asked  int
	answer func(w http.ResponseWriter) // instead of all that
}

func newServer(t testing.TB, stores ...*store) *server {
	t.Helper()
	w := &server{t: t, signer: cosigner(t, "witness.example/w1", 1), logs: map[string]note.Verifier{}, heads: map[string]merkle.Tree{}}
	for _, s := range stores {
		v, err := note.NewVerifier(s.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		w.logs[s.key.Origin()] = v
	}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.answer != nil {
		w.answer(rw)
		return
	}
	var f fault
	if len(w.faults) > 0 {
		f, w.faults = w.faults[0], w.faults[1:]
	}
	switch f {
	case unwell:
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	case silent:
		panic(http.ErrAbortHandler)
	case moved:
		http.Redirect(rw, r, "http://127.0.0.1:1/add-checkpoint", http.StatusTemporaryRedirect)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/w/add-checkpoint" {
		w.t.Errorf("asked %s %s: %v", r.Method, r.URL, err)
	}
	status, answer := w.add(string(body), f == wrongLine)
	switch {
	case f == lost:
		panic(http.ErrAbortHandler)
	case f == endless:
		for range 1 << 10 {
			rw.Write(bytes.Repeat([]byte("— x.example AAAAAAAAAAAA\n"), 100))
		}
		return
	case status == http.StatusConflict:
		rw.Header().Set("Content-Type", "text/x.tlog.size")
	}
	rw.WriteHeader(status)
	io.WriteString(rw, answer)
}

// fails makes the next answers go wrong.
func (w *server) fails(faults ...fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = faults
}

// answers makes it answer so from now on, and forgets how often it was asked.
func (w *server) answers(answer func(rw http.ResponseWriter)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer, w.asked = answer, 0
}

// head is the tree that it cosigned last.
func (w *server) head(s *store) merkle.Tree {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heads[s.key.Origin()]
}

// count is how often it was asked.
func (w *server) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// add is the add-checkpoint call; the caller holds the lock.
func (w *server) add(body string, wrong bool) (status int, answer string) {
	head, signed, ok := strings.Cut(body, "\n\n")
	lines := strings.Split(head, "\n")
	digits, isOld := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(digits, 10, 64)
	if !ok || !isOld || err != nil || len(lines) > 64 {
		w.t.Errorf("malformed request %q", body)
		return http.StatusBadRequest, ""
	}
	var proof merkle.TreeProof
	for _, line := range lines[1:] {
		h, err := merkle.ParseHash(line)
		if err != nil {
			w.t.Errorf("malformed proof %q", body)
			return http.StatusBadRequest, ""
		}
		proof = append(proof, h)
	}
	origin, _, _ := strings.Cut(signed, "\n")
	v, known := w.logs[origin]
	if !known {
		return http.StatusNotFound, ""
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return http.StatusForbidden, ""
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	last := w.heads[origin]
	switch {
	case err != nil || old > c.N:
		return http.StatusBadRequest, ""
	case old != last.N:
		return http.StatusConflict, fmt.Sprintf("%d\n", last.N)
	case old == 0 && len(proof) > 0:
		return http.StatusUnprocessableEntity, ""
	case old == c.N && old > 0 && (last.Hash != c.Hash || len(proof) > 0):
		return http.StatusUnprocessableEntity, ""
	case old > 0 && merkle.CheckTree(proof, c.N, c.Hash, last.N, last.Hash) != nil:
		return http.StatusUnprocessableEntity, ""
	}
	w.heads[origin] = c.Tree
	text := n.Text
	if wrong {
		text = strings.Replace(text, "\n", "x\n", 1)
	}
	out, err := note.Sign(&note.Note{Text: text}, cosigner(w.t, "stranger.example", 9), w.signer)
	if err != nil {
		w.t.Error(err)
	}
	return http.StatusOK, string(out[len(text)+1:])
}

// cosigned is a signature line of the witness over any text, as no honest one makes.
func cosigned(text string) string {
	seed := sha256.Sum256([]byte{1})
	key := ed25519.NewKeyFromSeed(seed[:])
	id := sha256.Sum256(append([]byte("witness.example/w1\n\x04"), key.Public().(ed25519.PublicKey)...))
	b := binary.BigEndian.AppendUint64(id[:4:4], 1)
	b = append(b, ed25519.Sign(key, []byte("cosignature/v1\ntime 1\n"+text))...)
	return "— witness.example/w1 " + base64.StdEncoding.EncodeToString(b) + "\n"
}

func flip(c byte) string { return string(letters[strings.IndexByte(letters, c)^1]) }

// spare spells a signature line in another way.
func spare(line string) string {
	i := strings.IndexByte(line, '=') - 1
	return line[:i] + flip(line[i]) + line[i+1:]
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
