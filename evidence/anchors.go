package evidence

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The files of a folder of anchors, PEM.
const (
	SealAnchors = "ca.pem"  // roots of the certificates that seal
	TSAAnchors  = "tsa.pem" // roots of the time-stamping authorities
	LogAnchors  = "log.pub" // keys of the public log and of who watches it; may be missing
)

// ReadTrust reads the anchors in dir. Both files of certificates must hold at
// least one.
func ReadTrust(dir string) (Trust, error) {
	var files [3][]byte
	for i, name := range []string{SealAnchors, TSAAnchors, LogAnchors} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !(name == LogAnchors && errors.Is(err, fs.ErrNotExist)) {
			return Trust{}, err
		}
		files[i] = b
	}
	t, err := ParseTrust(files[0], files[1], files[2])
	if err != nil {
		return Trust{}, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// ParseTrust is [ReadTrust] for files that are in memory. A nil log is one that
// is missing.
func ParseTrust(seal, tsa, log []byte) (t Trust, err error) {
	t.Seal, t.TSA = x509.NewCertPool(), x509.NewCertPool()
	if !t.Seal.AppendCertsFromPEM(seal) {
		return Trust{}, errors.New(SealAnchors + " holds no certificate")
	}
	if !t.TSA.AppendCertsFromPEM(tsa) {
		return Trust{}, errors.New(TSAAnchors + " holds no certificate")
	}
	if log == nil {
		return t, nil
	}
	if err := t.readLog(string(log)); err != nil {
		return Trust{}, fmt.Errorf("%s: %w", LogAnchors, err)
	}
	return t, nil
}

// readLog reads the verifier key of the log in the first line, and then lines
// "witness KEY" and one "quorum N". https://c2sp.org/signed-note
func (t *Trust) readLog(text string) error {
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case i == 0 && strings.Count(line, "+") >= 2 && rest == "":
			t.Log = line
		case i > 0 && word == "witness" && strings.Count(rest, "+") >= 2:
			t.Witnesses = append(t.Witnesses, rest)
		case i > 0 && word == "quorum":
			n, err := strconv.Atoi(rest)
			if err != nil || n < 0 || t.Quorum > 0 {
				return fmt.Errorf("line %d: quorum wants one number", i+1)
			}
			t.Quorum = n
		default:
			return fmt.Errorf("line %d: want the key of the log first, then witness KEY or quorum N", i+1)
		}
	}
	if t.Quorum > len(t.Witnesses) {
		return fmt.Errorf("a quorum of %d among %d witnesses", t.Quorum, len(t.Witnesses))
	}
	return nil
}
