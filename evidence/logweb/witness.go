package logweb

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

const (
	maxProof  = 63       // hashes in a request
	maxAnswer = 64 << 10 // real ones have some 200 octets a signature
)

// WitnessConfig of a [Witness].
type WitnessConfig struct {
	// URL is the submission prefix of the witness.
	URL string
	// Key verifies its cosignatures; tlog.Cosigner makes one.
	Key note.Verifier
	// Timeout bounds one answer. Default 10 s.
	Timeout time.Duration
	// HTTP does the requests. Default a client of its own that follows no redirect.
	HTTP *http.Client
}

// Witness asks one witness for cosignatures. Safe for concurrent use.
type Witness struct{ cfg WitnessConfig }

// NewWitness refuses, with [ErrConfig], a configuration that nobody could answer.
func NewWitness(cfg WitnessConfig) (*Witness, error) {
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	req, err := http.NewRequest(http.MethodPost, cfg.URL, nil)
	if err != nil || req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" ||
		req.URL.RawQuery != "" || req.URL.Fragment != "" {
		return nil, fmt.Errorf("%w: witness has no usable URL", ErrConfig)
	}
	if cfg.Key == nil {
		return nil, fmt.Errorf("%w: witness has no key", ErrConfig)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Witness{cfg}, nil
}

// Name is the name of the witness, as in its signatures.
func (w *Witness) Name() string { return w.cfg.Key.Name() }

// Offer asks the witness to cosign checkpoint, of a log of size entries, and
// returns the line to be added to it. Old is the size that the witness is thought
// to know, 0 for never asked; when it knows another, it is asked once more from
// there. So an answer that got lost does no harm. Prove gives the proof that the
// log continues the one of size before. A [*ConflictError] with more entries
// than size says that the witness knows more of the log than we do: another
// process was faster, or entries were lost. Other errors are those of
// [Witness.AddCheckpoint] and of prove.
func (w *Witness) Offer(ctx context.Context, old, size int64, checkpoint []byte, prove func(ctx context.Context, before int64) ([][32]byte, error)) ([]byte, error) {
	line, err := w.offer(ctx, old, checkpoint, prove)
	if conflict, ok := errors.AsType[*ConflictError](err); ok && conflict.Size <= size && conflict.Size != old {
		return w.offer(ctx, conflict.Size, checkpoint, prove)
	}
	return line, err
}

func (w *Witness) offer(ctx context.Context, old int64, checkpoint []byte, prove func(context.Context, int64) ([][32]byte, error)) ([]byte, error) {
	proof, err := prove(ctx, old)
	if err != nil {
		return nil, err
	}
	return w.AddCheckpoint(ctx, old, proof, checkpoint)
}

// AddCheckpoint asks the witness, which knows the log at oldSize, to cosign
// checkpoint, and returns the signature line, newline included, after verifying
// it. Whatever else the answer holds is dropped. The line is to be stored before
// a larger checkpoint is offered. Errors: [*ConflictError], [ErrUnavailable],
// [ErrRefused], [ErrInconsistent], [ErrAnswer].
// https://c2sp.org/tlog-witness
func (w *Witness) AddCheckpoint(ctx context.Context, oldSize int64, consistency [][32]byte, checkpoint []byte) ([]byte, error) {
	end := bytes.LastIndex(checkpoint, []byte("\n\n"))
	if end < 0 || len(consistency) > maxProof || oldSize < 0 {
		return nil, fmt.Errorf("%w: nothing that could be asked", ErrRefused)
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", oldSize)
	for _, h := range consistency {
		body.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	body.WriteByte('\n')
	body.Write(checkpoint)

	status, media, answer, err := w.post(ctx, &body)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, w.Name(), err)
	}
	switch status {
	case http.StatusOK:
		return w.cosignature(string(checkpoint[:end+1]), answer)
	case http.StatusConflict:
		return nil, w.conflict(media, string(answer))
	case http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: %s", ErrInconsistent, w.Name())
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, fmt.Errorf("%w: %s: HTTP status %d", ErrUnavailable, w.Name(), status)
	}
	return nil, fmt.Errorf("%w: %s: HTTP status %d", ErrRefused, w.Name(), status)
}

func (w *Witness) post(ctx context.Context, body io.Reader) (status int, media string, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL+"/add-checkpoint", body)
	if err != nil {
		return 0, "", nil, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := w.cfg.HTTP.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1)); err != nil {
		return 0, "", nil, err
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, nil
}

// cosignature finds the line of this witness in answer and verifies it over text.
func (w *Witness) cosignature(text string, answer []byte) ([]byte, error) {
	refuse := func(why string) ([]byte, error) {
		return nil, fmt.Errorf("%w: %s: %s", ErrAnswer, w.Name(), why)
	}
	if len(answer) > maxAnswer {
		return refuse("too long")
	}
	n, err := note.Open([]byte(text+"\n"+string(answer)), note.VerifierList(w.cfg.Key))
	if err != nil {
		return refuse("no valid cosignature")
	}
	if n.Text != text { // an empty line in the answer would move the end of the text
		return refuse("not only signature lines")
	}
	s := n.Sigs[0]
	if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
		return refuse("cosignature is not in its one encoding")
	}
	return []byte("— " + s.Name + " " + s.Base64 + "\n"), nil
}

// conflict reads the size that the witness knows.
func (w *Witness) conflict(media, answer string) error {
	digits, ok := strings.CutSuffix(answer, "\n")
	size, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || size < 0 || digits != strconv.FormatInt(size, 10) || media != "text/x.tlog.size" {
		return fmt.Errorf("%w: %s: a conflict without size", ErrAnswer, w.Name())
	}
	return &ConflictError{size}
}
