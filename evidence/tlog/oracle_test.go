package tlog_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence/tlog"
)

// A client that shares no code with ours, in another language, accepts our
// proofs and refuses those that are spoilt.
func TestPythonAgrees(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	e := entry(r.index)
	flip := func(i int) []byte {
		b := slices.Clone(r.proof)
		b[i] ^= 1
		return b
	}
	one := newLog(t, 1)
	first := entry(0)
	for i, c := range []struct {
		name  string
		proof []byte
		entry []byte
		keys  []string // beside that of the log
		want  string
	}{
		{"with witnesses", r.proof, e[:], r.trust.Witnesses, "in order: entry 617 of 1000, 3 witnesses"},
		{"log only", r.proof, e[:], nil, "in order: entry 617 of 1000, 0 witnesses"},
		{"only entry", tlog.FormatProof(0, nil, sign(t, r.key, 1, one.root)), first[:], nil, "in order: entry 0 of 1"},
		{"other entry", r.proof, first[:], nil, "refused: the log does not hold this entry"},
		{"other index", []byte(strings.Replace(string(r.proof), "index 617", "index 616", 1)), e[:], nil, "refused: the log does not hold this entry"},
		{"path changed", flip(60), e[:], nil, "refused"},
		{"signature changed", flip(strings.Index(string(r.proof), "— "+origin) + 40), e[:], nil, "refused"},
		{"size changed", []byte(strings.Replace(string(r.proof), "\n1000\n", "\n1001\n", 1)), e[:], nil, "refused: signature"},
		{"witness missing", tlog.FormatProof(r.index, r.path(t), sign(t, r.key, r.size, r.root)), e[:], r.trust.Witnesses[:1], "refused: witness0.example did not sign"},
	} {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i, ".tlog-proof"))
		if err := os.WriteFile(path, c.proof, 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"../testdata/oracle/tlog.py", "proof", path, r.key.Public(), hex.EncodeToString(c.entry)}, c.keys...)
		out, err := exec.CommandContext(t.Context(), "python3", args...).CombinedOutput()
		if ok := strings.HasPrefix(c.want, "in order"); !strings.HasPrefix(string(out), c.want) || (err == nil) != ok {
			t.Errorf("%s: %v, %s", c.name, err, out)
		}
	}
}
