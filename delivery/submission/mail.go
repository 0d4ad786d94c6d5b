package submission

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-message/textproto"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// mail is one message on its way in.
type mail struct {
	s      *Server
	base   *conn
	to     []string // RCPT, in order, without the suffix
	secret string
	agent  string
	whole  func() bool // asked at the end of the stream: is it the end of the mail?

	in        *framing
	key       identity.Key
	dry       bool // checked only
	documents []string
	number    string
	digest    string
}

// submit takes the mail in six steps. A crash or a refusal before the last
// leaves at most documents that no message took, which are swept.
func (m *mail) submit(ctx context.Context, r io.Reader) (delivery.Message, error) {
	// 1. Who, while nothing was read yet.
	by, language, err := m.sender(ctx)
	if err != nil {
		return delivery.Message{}, err
	}
	ctx = identity.Within(ctx, m.key.Account)
	// 2. The header; everything that it can get wrong is refused before any
	// document is stored, at the first. A mail without is checked once, in 5.
	m.in = &framing{r: r, allowance: -1}
	sum := sha256.New()
	buffered := bufio.NewReader(m.in)
	h, err := readHeader(buffered, sum)
	if err != nil {
		return delivery.Message{}, err
	}
	sub, id, err := m.submission(h, language)
	if err != nil {
		return delivery.Message{}, err
	}
	early := sub
	early.Body = "-"
	// 3. The content: text into memory, documents into the vault.
	body := io.TeeReader(buffered, sum)
	p := parts{in: m.in, upload: func(in delivery.NewDocument, r io.Reader) error {
		if len(m.documents) == 0 {
			if faults := m.s.Deliveries.Check(early); len(faults) > 0 {
				return faults
			}
		}
		return m.upload(ctx, in, r)
	}}
	if m.dry {
		p.upload = m.look
	}
	if err := p.message(h, body); err != nil {
		return delivery.Message{}, err
	}
	sub.Body, sub.Documents = p.body(), m.documents
	// 4. The rest, which MIME does not look at.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return delivery.Message{}, err
	}
	if !m.whole() {
		return delivery.Message{}, &streamError{io.ErrUnexpectedEOF}
	}
	m.digest = hex.EncodeToString(sum.Sum(nil))
	if m.dry {
		sub.Documents = nil
		if faults := m.s.Deliveries.Check(sub); len(faults) > 0 {
			return delivery.Message{}, faults
		}
		return delivery.Message{}, nil
	}
	leave, err := m.s.Deliveries.Seat()
	if err != nil {
		return delivery.Message{}, err
	}
	defer leave()
	// 5. and 6. The commit, and the answer; between the two the client does not
	// know, and asks by sending the mail again.
	ctx, cancel := context.WithTimeout(ctx, submitTime)
	defer cancel()
	done, _, err := m.s.Deliveries.Submit(ctx, by, sub, delivery.Once{Key: m.once(id), Digest: sum.Sum(nil)})
	m.number = done.Number
	return done, err
}

// sender is who submits. The key is looked at again for each mail, so that a
// revoked one ends with the connections that use it.
func (m *mail) sender(ctx context.Context) (delivery.Submitter, string, error) {
	key, profile, err := m.s.Identity.AuthenticateSender(ctx, m.secret, m.base.ip)
	if err != nil {
		return delivery.Submitter{}, "", err
	}
	if !key.May(identity.ScopeSend) {
		return delivery.Submitter{}, "", identity.ErrKey
	}
	m.key = key
	by := m.key.Actor(m.base.ip, m.agent, m.s.Now())
	return delivery.Submitter{By: by, Sender: delivery.SenderParty(profile), Test: m.key.Test}, profile.Language, nil
}

// once names this mail. Its recipients belong to the name, because a relay with
// many splits a mail into several that differ in nothing else; so does the kind
// of key, or the live mail after a rehearsal would be answered with the test.
func (m *mail) once(id string) string {
	to := make([]string, len(m.to))
	for i, a := range m.to {
		to[i] = m.s.suffix.same(a)
	}
	slices.Sort(to)
	sum := sha256.Sum256(fmt.Appendf(nil, "%t\x00%s\x00%s", m.key.Test, id, strings.Join(to, "\x00")))
	return "smtp:" + hex.EncodeToString(sum[:])
}

func (m *mail) upload(ctx context.Context, in delivery.NewDocument, r io.Reader) error {
	if n := len(m.documents) + 1; n > delivery.MaxDocuments {
		return delivery.FieldErrors{{Pointer: "/documents", Code: "too_many"}}
	}
	d, _, err := m.s.Deliveries.Upload(ctx, m.key.Account, in, r, delivery.Once{})
	if err == nil {
		m.documents = append(m.documents, string(d.ID))
	}
	return err
}

// look is upload for a rehearsal: it keeps nothing.
func (m *mail) look(in delivery.NewDocument, r io.Reader) error {
	if n := len(m.documents) + 1; n > delivery.MaxDocuments {
		return delivery.FieldErrors{{Pointer: "/documents", Code: "too_many"}}
	}
	m.documents = append(m.documents, "")
	if faults := in.Check(); len(faults) > 0 {
		return faults
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r, delivery.MaxDocument+1))
	if err == nil && n > delivery.MaxDocument {
		return delivery.ErrTooLarge
	}
	return err
}

// fault prefers what was wrong with the stream to what came of it.
func (m *mail) fault(err error) error {
	if m.in != nil && m.in.err != nil {
		return m.in.err
	}
	return err
}

// readHeader reads the header of a mail and adds all of it but its Received
// fields to sum: what relays add on the way does not make it another mail.
func readHeader(r *bufio.Reader, sum hash.Hash) (textproto.Header, error) {
	var raw bytes.Buffer
	received := false
	for {
		line, err := r.ReadSlice('\n')
		if raw.Len()+len(line) > maxHeader {
			return textproto.Header{}, refusal("header_too_large")
		}
		raw.Write(line)
		if err != nil && err != io.EOF {
			return textproto.Header{}, err
		}
		if len(line) > 0 && line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte{':'})
			received = strings.EqualFold(strings.TrimSpace(string(name)), "Received")
		}
		if !received {
			sum.Write(line)
		}
		if err == io.EOF || string(line) == "\r\n" {
			break
		}
	}
	h, err := textproto.ReadHeader(bufio.NewReader(&raw))
	if err != nil && err != io.EOF {
		return textproto.Header{}, refusal("malformed_header")
	}
	return h, nil
}
