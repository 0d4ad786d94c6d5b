package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/bode-erds/bode/delivery"
)

const (
	copyBuffer   = 64 << 10 // octets per read from the caller
	smallContent = 64 << 10 // octets of plaintext; shorter content gets short segments
)

// peek reads the beginning of r, tells whether that was all, and returns a
// reader of everything.
func peek(ctx context.Context, r io.Reader) (whole io.Reader, small bool, err error) {
	r = heeding{ctx, r}
	head := make([]byte, 0, smallContent+1)
	for len(head) < cap(head) {
		n, err := r.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if err == io.EOF {
			return bytes.NewReader(head), true, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("vault: put: %w", err)
		}
	}
	return io.MultiReader(bytes.NewReader(head), r), false, nil
}

// encrypt copies r to w under cipher and fills in size and digest of s. An
// error of r is returned wrapped, so that the caller recognises its own.
func encrypt(w io.Writer, r io.Reader, cipher tink.StreamingAEAD, s *delivery.Stored) error {
	enc, err := cipher.NewEncryptingWriter(w, []byte(s.Name))
	if err != nil {
		return fmt.Errorf("vault: encrypt: %w", err)
	}
	digest := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(digest, enc), r, make([]byte, copyBuffer))
	if err != nil {
		return fmt.Errorf("vault: put: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("vault: put: %w", err)
	}
	s.Size, s.SHA256 = n, digest.Sum(nil)
	return nil
}

// heeding reads until its context ends.
type heeding struct {
	ctx context.Context
	r   io.Reader
}

func (h heeding) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, context.Cause(h.ctx)
	}
	return h.r.Read(p)
}

// decrypting is the plaintext of one object. It gives out only octets whose
// segment was authentic, and io.EOF only after size and digest agreed. The
// first error stays: Tink's reader would follow a failed last segment by EOF.
type decrypting struct {
	body   io.Closer
	source *source
	plain  io.Reader
	digest hash.Hash
	left   int64
	stored delivery.Stored
	err    error
}

// decrypt returns the plaintext of body, and closes body when it fails.
func decrypt(ctx context.Context, body io.ReadCloser, cipher tink.StreamingAEAD, s delivery.Stored) (io.ReadCloser, error) {
	src := &source{r: heeding{ctx, body}}
	plain, err := cipher.NewDecryptingReader(src, []byte(s.Name))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vault: decrypt: %w", err), body.Close())
	}
	return &decrypting{body: body, source: src, plain: plain, digest: sha256.New(), left: s.Size, stored: s}, nil
}

func (d *decrypting) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.plain.Read(p)
	d.left -= int64(n)
	if d.left < 0 {
		return 0, d.fail("longer than stored")
	}
	d.digest.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF) && d.source.err != nil:
		d.err = fmt.Errorf("vault: read %s: %w", d.stored.Name, d.source.err)
	case !errors.Is(err, io.EOF):
		d.fail("not authentic")
	case d.left > 0:
		d.fail("shorter than stored")
	case subtle.ConstantTimeCompare(d.digest.Sum(nil), d.stored.SHA256) != 1:
		d.fail("other digest than stored")
	default:
		d.err = io.EOF
	}
	return n, d.err
}

func (d *decrypting) fail(why string) error {
	d.err = fmt.Errorf("%w: %s: %s", ErrAltered, d.stored.Name, why)
	return d.err
}

func (d *decrypting) Close() error {
	if d.err == nil {
		d.err = fmt.Errorf("vault: read %s: closed", d.stored.Name)
	}
	return d.body.Close()
}

// source remembers why reading ciphertext failed, so that a broken connection
// is never called an alteration. It hides io.ErrUnexpectedEOF, which Tink would
// take for the regular end of the stream.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
		err = errSource
	}
	return n, err
}

var errSource = errors.New("vault: source failed")
