package vault_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

// diskBackend is a backend of the S3 fake that writes uploads in parts to one
// file each, so that a gigabyte does not lie in the memory of the tests. Parts
// come in their order and one at a time, as from our client.
type diskBackend struct {
	gofakes3.Backend
	dir   string
	mu    sync.Mutex
	whole map[string]bool // completed uploads, by object
}

// newDiskS3 starts a server and returns its endpoint.
func newDiskS3(t testing.TB) string {
	t.Helper()
	b := &diskBackend{Backend: s3mem.New(), dir: t.TempDir(), whole: map[string]bool{}}
	if err := b.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(b).Server())
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func (b *diskBackend) path(object string) string { return filepath.Join(b.dir, object) }

func (b *diskBackend) CreateMultipartUpload(_ context.Context, _, object string, _ map[string]string) (gofakes3.UploadID, error) {
	return gofakes3.UploadID("upload-" + object), os.WriteFile(b.path(object), nil, 0o600)
}

func (b *diskBackend) UploadPart(_ context.Context, _, object string, _ gofakes3.UploadID, _ int, length int64, body io.Reader) (string, error) {
	f, err := os.OpenFile(b.path(object), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return "", err
	}
	sum := md5.New()
	n, err := io.Copy(io.MultiWriter(f, sum), body)
	if err == nil && n != length {
		err = gofakes3.ErrIncompleteBody
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)) + `"`, errors.Join(err, f.Close())
}

func (b *diskBackend) CompleteMultipartUpload(_ context.Context, _, object string, _ gofakes3.UploadID, _ *gofakes3.CompleteMultipartUploadRequest) (gofakes3.VersionID, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole[object] = true
	return "", `"whole"`, nil
}

func (b *diskBackend) AbortMultipartUpload(_ context.Context, _, object string, _ gofakes3.UploadID) error {
	return os.Remove(b.path(object))
}

func (b *diskBackend) isWhole(object string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole[object]
}

func (b *diskBackend) GetObject(ctx context.Context, bucket, object string, r *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	if !b.isWhole(object) {
		return b.Backend.GetObject(ctx, bucket, object, r)
	}
	f, err := os.Open(b.path(object))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	meta := map[string]string{"Last-Modified": info.ModTime().UTC().Format("Mon, 2 Jan 2006 15:04:05 GMT")}
	return &gofakes3.Object{Name: object, Metadata: meta, Size: info.Size(), Contents: f, Hash: []byte("whole")}, nil
}

func (b *diskBackend) HeadObject(ctx context.Context, bucket, object string) (*gofakes3.Object, error) {
	if !b.isWhole(object) {
		return b.Backend.HeadObject(ctx, bucket, object)
	}
	o, err := b.GetObject(ctx, bucket, object, nil)
	if err != nil {
		return nil, err
	}
	err = o.Contents.Close()
	o.Contents = io.NopCloser(bytes.NewReader(nil))
	return o, err
}

func (b *diskBackend) DeleteObject(ctx context.Context, bucket, object string) (gofakes3.ObjectDeleteResult, error) {
	if !b.isWhole(object) {
		return b.Backend.DeleteObject(ctx, bucket, object)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.whole, object)
	return gofakes3.ObjectDeleteResult{}, os.Remove(b.path(object))
}
