package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/migrations"
)

type migrateCmd struct {
	sources
	Database string        `help:"PostgreSQL address." env:"DATABASE_URL" required:""`
	Content  contentConfig `embed:"" prefix:"content-"`
}

// Run brings the database to this version and makes the bucket of the content,
// where one is named and is not there yet. It may be run again at any time.
func (c migrateCmd) Run(ctx context.Context, log *slog.Logger) error {
	pool, err := openPool(ctx, c.Database, nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Apply(ctx, pool); err != nil {
		return err
	}
	log.InfoContext(ctx, "database is at this version")
	if c.Content.Bucket == "" {
		return nil
	}
	s3, err := c.Content.s3()
	if err != nil {
		return fmt.Errorf("content: %w", err)
	}
	made, err := vault.MakeBucket(ctx, s3)
	if err != nil {
		return fmt.Errorf("content: %w", err)
	}
	log.InfoContext(ctx, "bucket is there", "bucket", c.Content.Bucket, "made", made)
	return nil
}

// s3 reads the keys of the bucket.
func (c contentConfig) s3() (vault.S3Config, error) {
	access, err := readSecret(c.AccessKey)
	if err != nil {
		return vault.S3Config{}, err
	}
	secret, err := readSecret(c.SecretKey)
	return vault.S3Config{Endpoint: c.Endpoint, Region: c.Region, Bucket: c.Bucket, AccessKey: access, SecretKey: secret,
		TLS: !c.Plain}, err
}
