package vault

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// MakeBucket makes the bucket of cfg unless it is there, and reports whether it
// did. It needs no keyring. Two processes at once do no harm: to the slower one
// the bucket is there.
func MakeBucket(ctx context.Context, cfg S3Config) (made bool, err error) {
	core, err := cfg.client()
	if err != nil {
		return false, err
	}
	ok, err := core.BucketExists(ctx, cfg.Bucket)
	if err != nil || ok {
		return false, bucketError(err)
	}
	err = core.MakeBucket(ctx, cfg.Bucket, minio.MakeBucketOptions{Region: cfg.region()})
	if err == nil {
		return true, nil
	}
	if minio.ToErrorResponse(err).Code == minio.BucketAlreadyOwnedByYou {
		return false, nil
	}
	return false, bucketError(err)
}

func bucketError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("vault: S3 bucket: %w", err)
}
