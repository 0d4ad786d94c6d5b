package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/bode-erds/bode/delivery"
)

// S3Config configures [NewS3].
type S3Config struct {
	Endpoint  string // host or host:port, without a scheme; required
	Region    string // default us-east-1
	Bucket    string // must exist, and hold nothing else; required
	AccessKey string // required
	SecretKey string // required
	TLS       bool
	Keys      *Keyring // required
}

// S3 keeps objects in a bucket under their own names. Any number of processes
// may share it. The bucket needs no versioning and no lock; where it keeps old
// versions, erasure rests on the keys alone.
type S3 struct {
	core   *minio.Core
	bucket string
	keys   *Keyring
}

// NewS3 prepares a client. It contacts nobody; see [S3.Check].
func NewS3(cfg S3Config) (*S3, error) {
	if cfg.Keys == nil {
		return nil, errors.New("vault: keyring is required")
	}
	core, err := cfg.client()
	if err != nil {
		return nil, err
	}
	return &S3{core: core, bucket: cfg.Bucket, keys: cfg.Keys}, nil
}

// client checks all but the keys.
func (cfg S3Config) client() (*minio.Core, error) {
	for name, v := range map[string]string{"endpoint": cfg.Endpoint, "bucket": cfg.Bucket,
		"access key": cfg.AccessKey, "secret key": cfg.SecretKey} {
		if v == "" {
			return nil, fmt.Errorf("vault: S3 %s is required", name)
		}
	}
	if strings.Contains(cfg.Endpoint, "/") {
		return nil, fmt.Errorf("vault: S3 endpoint %q: want host or host:port", cfg.Endpoint)
	}
	transport, err := minio.DefaultTransport(cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("vault: S3: %w", err)
	}
	core, err := minio.NewCore(cfg.Endpoint, &minio.Options{
		Transport: lettingGo{transport},
		Creds:     credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Region:    cfg.region(),
		Secure:    cfg.TLS,
		// Some servers answer a mismatch to checksum trailers over plain HTTP.
		TrailingHeaders: false,
		// Every request is repeatable; the job that called us tries again later.
		MaxRetries: 4,
	})
	if err != nil {
		return nil, fmt.Errorf("vault: S3: %w", err)
	}
	return core, nil
}

func (cfg S3Config) region() string {
	if cfg.Region == "" {
		return "us-east-1"
	}
	return cfg.Region
}

// Check returns an error unless the bucket exists and the keys open it.
func (v *S3) Check(ctx context.Context) error {
	ok, err := v.core.BucketExists(ctx, v.bucket)
	if err != nil {
		return fmt.Errorf("vault: S3: %w", err)
	}
	if !ok {
		return fmt.Errorf("vault: S3: no bucket %s", v.bucket)
	}
	return nil
}

// Open implements delivery.Vault. Errors: ErrMissing, ErrShredded,
// ErrKeyMissing at once; ErrAltered at once or from a later Read. A broken
// connection is made again; when that fails too it is an error of its own and
// accuses nobody. ctx must live until the reader is closed.
func (v *S3) Open(ctx context.Context, s delivery.Stored) (io.ReadCloser, error) {
	if err := checkName(s.Name); err != nil {
		return nil, err
	}
	cipher, err := v.keys.unseal(s)
	if err != nil {
		return nil, err
	}
	body, err := v.get(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	return decrypt(ctx, body, cipher, s)
}

// Delete implements delivery.Vault.
func (v *S3) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := v.core.RemoveObject(ctx, v.bucket, name, minio.RemoveObjectOptions{})
	if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchKey {
		return fmt.Errorf("vault: delete %s: %w", name, err)
	}
	return nil
}
