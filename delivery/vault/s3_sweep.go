package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"
)

// Sweep does what [Dir.Sweep] does, by the clock of the server, and aborts
// uploads begun before olderThan that were never completed.
func (v *S3) Sweep(ctx context.Context, olderThan time.Time, keep func(name string) bool) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing when we return early
	removed := 0
	for o := range v.core.Client.ListObjects(ctx, v.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return removed, fmt.Errorf("vault: sweep: %w", o.Err)
		}
		if !o.LastModified.Before(olderThan) || checkName(o.Key) != nil || keep(o.Key) {
			continue
		}
		if err := v.Delete(ctx, o.Key); err != nil {
			return removed, err
		}
		removed++
	}
	for u := range v.core.ListIncompleteUploads(ctx, v.bucket, "", true) {
		if u.Err != nil {
			return removed, fmt.Errorf("vault: sweep: %w", u.Err)
		}
		if !u.Initiated.Before(olderThan) || checkName(u.Key) != nil {
			continue
		}
		if err := v.core.AbortMultipartUpload(ctx, v.bucket, u.Key, u.UploadID); err != nil {
			return removed, fmt.Errorf("vault: sweep: %w", err)
		}
		removed++
	}
	// A cancelled listing ends like a finished one.
	return removed, ctx.Err()
}
