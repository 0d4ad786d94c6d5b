package smtp

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Bounds of a trace: with all of them reached it stays under 16 KiB.
const (
	maxCapabilities = 30
	maxCapability   = 80
	maxReply        = 300
	maxStages       = 12
)

// connection is what there is to tell of a connection; mails that share it share
// this part.
type connection struct {
	Relay        string    `json:"relay"` // as configured
	Peer         string    `json:"peer,omitempty"`
	Hello        string    `json:"hello"` // what we said in EHLO
	OpenedAt     time.Time `json:"opened_at"`
	Capabilities []string  `json:"capabilities,omitempty"`
	TLS          *security `json:"tls,omitempty"`
	Stages       []heard   `json:"stages,omitempty"`
}

// security is how the peer proved itself.
type security struct {
	Version  string `json:"version"`
	Cipher   string `json:"cipher"`
	Leaf     string `json:"leaf_sha256"`
	Verified string `json:"verified"` // pkix
	Name     string `json:"name"`     // that the certificate was verified for
}

// heard is one reply.
type heard struct {
	Stage string `json:"stage"`
	Reply string `json:"reply"`
	MS    int64  `json:"ms"` // since the connection was opened, or the mail began
}

// record is the trace of one attempt. Nothing of what we sent is in it but what
// is listed here: no sign-in, no content, no return path.
type record struct {
	Connection connection `json:"connection"`
	Mail       int        `json:"mail"` // the how-many-th on its connection
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    time.Time  `json:"ended_at"`
	Stages     []heard    `json:"stages,omitempty"`
	Octets     int        `json:"octets"`
	MessageID  string     `json:"message_id"`
	EnvelopeID string     `json:"envelope_id"`
	Signatures []string   `json:"signatures,omitempty"` // DKIM: selector._domainkey.domain
	Error      string     `json:"error,omitempty"`      // when there was no reply
}

func (s *session) note(stage, reply string) {
	if len(s.about.Stages) < maxStages && reply != "" {
		s.about.Stages = append(s.about.Stages, heard{stage, brief(reply, maxReply), s.t.cfg.Now().Sub(s.about.OpenedAt).Milliseconds()})
	}
}

func (s *session) secured(state tls.ConnectionState) {
	s.tls = tls.VersionName(state.Version)
	s.about.TLS = &security{Version: s.tls, Cipher: tls.CipherSuiteName(state.CipherSuite), Verified: "pkix", Name: state.ServerName}
	if len(state.PeerCertificates) > 0 {
		leaf := sha256.Sum256(state.PeerCertificates[0].Raw)
		s.about.TLS.Leaf = hex.EncodeToString(leaf[:])
	}
	if s.about.TLS.Name == "" {
		s.about.TLS.Name = s.t.tls.ServerName
	}
}

func (r *record) json() json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return nil
	}
	return bytes.TrimSpace(b.Bytes())
}

// brief is foreign text on one line per line, printable, clipped.
func brief(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c != '\n' && !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

var (
	secretLike = regexp.MustCompile(`[0-9]{2,4}(?:[ -][0-9]{2,4})+|[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*`)
	digitGap   = regexp.MustCompile(`([0-9])[ -]([0-9])`)
)

// scrub hides in a reply what it repeats of the content: a filter may quote the
// code or the link that it did not like. Words with a digit of at least four
// characters that stand in the text are taken for such, also with gaps.
func scrub(reply, content string) string {
	joined := ""
	return secretLike.ReplaceAllStringFunc(reply, func(word string) string {
		if len(word) < 4 {
			return word
		}
		if joined == "" {
			joined = digitGap.ReplaceAllString(digitGap.ReplaceAllString(content, "$1$2"), "$1$2")
		}
		if bare := strings.NewReplacer(" ", "", "-", "").Replace(word); strings.Contains(content, word) || len(bare) >= 4 && strings.Contains(joined, bare) {
			return "***"
		}
		return word
	})
}
