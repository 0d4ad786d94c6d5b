package vault

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

const (
	// resumptions is how often a download goes on where it broke off before it
	// fails, counted anew after each segment.
	resumptions = 3
	// progress is how many octets make it worth counting anew.
	progress = 1 << 20
)

// download is the ciphertext of an object. A connection that breaks, because the
// server is restarted for one, is made again from where it broke off, if the object
// is still the same: documents of a gigabyte do not begin anew.
type download struct {
	ctx   context.Context
	store *S3
	name  string
	body  io.ReadCloser
	etag  string
	at    int64 // octets read
	size  int64
	left  int   // resumptions
	since int64 // where at was when left was full
}

// get begins a download. Errors: ErrMissing.
func (v *S3) get(ctx context.Context, name string) (*download, error) {
	d := &download{ctx: ctx, store: v, name: name, left: resumptions}
	info, err := d.open(minio.GetObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, fmt.Errorf("%w: %s", ErrMissing, name)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: open %s: %w", name, err)
	}
	d.etag, d.size = info.ETag, info.Size
	return d, nil
}

func (d *download) open(opts minio.GetObjectOptions) (info minio.ObjectInfo, err error) {
	d.body, info, _, err = d.store.core.GetObject(d.ctx, d.store.bucket, d.name, opts)
	return info, err
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		if d.at += int64(n); d.at-d.since >= progress {
			d.since, d.left = d.at, resumptions
		}
		switch {
		case n > 0:
			return n, nil // what else there is comes with the next
		case err == nil, d.at >= d.size:
			return 0, err
		}
		if again := d.resume(); !again {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
}

// resume asks for the rest, and reports whether it comes.
func (d *download) resume() bool {
	for d.left > 0 && d.ctx.Err() == nil {
		d.left--
		var opts minio.GetObjectOptions
		if opts.SetMatchETag(d.etag) != nil || d.at > 0 && opts.SetRange(d.at, 0) != nil {
			return false
		}
		old := d.body
		if _, err := d.open(opts); err != nil {
			d.body = old
			continue
		}
		_ = old.Close()
		return true
	}
	return false
}

// Close implements io.Closer.
func (d *download) Close() error { return d.body.Close() }
