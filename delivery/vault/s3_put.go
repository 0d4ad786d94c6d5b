package vault

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/bode-erds/bode/delivery"
)

const (
	smallObject = 1<<20 + 64<<10 // octets of ciphertext that go in one request
	partSize    = 8 << 20        // octets per part; S3 allows 10 000 parts, so 78 GiB
	contentType = "application/octet-stream"

	// tokenField is a random value of each Put, by which it knows its own object
	// again when the answer to its last request was lost.
	tokenField = "Bode-Put"
)

// Put implements delivery.Vault. A taken name is ErrExists.
//
// The object appears whole, with the last request. A crash before leaves
// invisible parts, which [S3.Sweep] removes. When the answer to that request is
// lost, Put asks what became of it.
func (v *S3) Put(ctx context.Context, name string, r io.Reader) (delivery.Stored, error) {
	if err := checkName(name); err != nil {
		return delivery.Stored{}, err
	}
	switch _, err := v.owner(ctx, name); {
	case err == nil:
		return delivery.Stored{}, fmt.Errorf("%w: %s", ErrExists, name) // before reading r in vain
	case minio.ToErrorResponse(err).Code != minio.NoSuchKey:
		return delivery.Stored{}, fmt.Errorf("vault: put %s: %w", name, err)
	}
	r, small, err := peek(ctx, r)
	if err != nil {
		return delivery.Stored{}, err
	}
	cipher, s, err := v.keys.seal(name, small)
	if err != nil {
		return delivery.Stored{}, err
	}
	ciphertext, w := io.Pipe()
	encrypted := make(chan struct{})
	go func() {
		defer close(encrypted)
		w.CloseWithError(encrypt(w, r, cipher, &s)) // nil is io.EOF
	}()
	err = v.upload(ctx, name, ciphertext)
	ciphertext.CloseWithError(io.ErrClosedPipe)
	<-encrypted // r is the caller's again, and s is complete
	if err != nil {
		return delivery.Stored{}, err
	}
	return s, nil
}

// upload stores r under name: in one request when it is small, else in parts
// from one buffer.
func (v *S3) upload(ctx context.Context, name string, r io.Reader) error {
	u := upload{S3: v, name: name, opts: minio.PutObjectOptions{
		UserMetadata:   map[string]string{tokenField: rand.Text()},
		ContentType:    contentType,
		SendContentMd5: true, // the server refuses what the network changed
	}}
	head := make([]byte, smallObject)
	n, last, err := fill(r, head)
	if err != nil {
		return err
	}
	if last {
		return u.whole(ctx, head[:n])
	}
	return u.parts(ctx, io.MultiReader(bytes.NewReader(head), r))
}

// fill reads until buf is full or r ends.
func fill(r io.Reader, buf []byte) (n int, last bool, err error) {
	n, err = io.ReadFull(r, buf)
	// Compared, not unwrapped: the caller's reader may fail with an error that
	// wraps io.ErrUnexpectedEOF, which is no end of the content.
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return n, true, nil
	}
	return n, false, err
}

type upload struct {
	*S3
	name string
	opts minio.PutObjectOptions
}

func (u upload) whole(ctx context.Context, b []byte) error {
	opts := u.opts
	opts.DisableMultipart = true
	opts.SetMatchETagExcept("*") // only if nobody has the name
	_, err := u.core.Client.PutObject(ctx, u.bucket, u.name, bytes.NewReader(b), int64(len(b)), opts)
	return u.settle(ctx, err)
}

func (u upload) parts(ctx context.Context, r io.Reader) (err error) {
	id, err := u.core.NewMultipartUpload(ctx, u.bucket, u.name, u.opts)
	if err != nil {
		return fmt.Errorf("vault: put %s: %w", u.name, err)
	}
	defer func() {
		if err != nil {
			ctx, cancel := lastWish(ctx)
			defer cancel()
			_ = u.core.AbortMultipartUpload(ctx, u.bucket, u.name, id) // else the sweep does
		}
	}()
	buf := make([]byte, partSize)
	var done []minio.CompletePart
	for last := false; !last; {
		var n int
		if n, last, err = fill(r, buf); err != nil {
			return err
		}
		if n == 0 {
			break
		}
		part, err := u.core.PutObjectPart(ctx, u.bucket, u.name, id, len(done)+1,
			bytes.NewReader(buf[:n]), int64(n), minio.PutObjectPartOptions{Md5Base64: md5Base64(buf[:n])})
		if err != nil {
			return fmt.Errorf("vault: put %s: part %d: %w", u.name, len(done)+1, err)
		}
		done = append(done, minio.CompletePart{PartNumber: part.PartNumber, ETag: part.ETag})
	}
	// The condition belongs on this request: the first one reserves nothing.
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	_, err = u.core.CompleteMultipartUpload(ctx, u.bucket, u.name, id, done, opts)
	return u.settle(ctx, err)
}

// settle decides what an error of the last request means. The request may have
// been carried out although its answer was lost, and its repetition by the
// client then fails because the name is taken: by ourselves.
func (u upload) settle(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	taken := minio.ToErrorResponse(err).Code == minio.PreconditionFailed
	given := ctx.Err() != nil
	ctx, cancel := lastWish(ctx)
	defer cancel()
	token, ownerErr := u.owner(ctx, u.name)
	switch ours := ownerErr == nil && token == u.opts.UserMetadata[tokenField]; {
	case ours && !given:
		return nil
	case ours: // the caller no longer waits for it
		_ = u.Delete(ctx, u.name)
	case taken:
		return fmt.Errorf("%w: %s", ErrExists, u.name)
	}
	return fmt.Errorf("vault: put %s: %w", u.name, err)
}

// owner returns the token of the Put that made an object.
func (v *S3) owner(ctx context.Context, name string) (string, error) {
	info, err := v.core.StatObject(ctx, v.bucket, name, minio.StatObjectOptions{})
	return info.UserMetadata[tokenField], err
}

// lastWish is a context for cleaning up after ctx may have ended.
func lastWish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

// md5Base64 is the Content-MD5 of a part: a checksum for the wire, no security.
func md5Base64(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
