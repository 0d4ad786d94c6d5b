package vault_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"

	"github.com/bode-erds/bode/delivery/vault"
)

func TestMakeBucket(t *testing.T) {
	t.Parallel()
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	cfg := vault.S3Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "fresh", AccessKey: "a", SecretKey: "s"}
	for i, want := range []bool{true, false} {
		made, err := vault.MakeBucket(t.Context(), cfg)
		if err != nil || made != want {
			t.Errorf("call %d: made = %v, %v; want %v", i+1, made, err, want)
		}
	}
	if ok, err := backend.BucketExists(t.Context(), "fresh"); !ok || err != nil {
		t.Errorf("the bucket is not there: %v", err)
	}
	for name, change := range map[string]func(*vault.S3Config){
		"no bucket":         func(c *vault.S3Config) { c.Bucket = "" },
		"no secret":         func(c *vault.S3Config) { c.SecretKey = "" },
		"a scheme":          func(c *vault.S3Config) { c.Endpoint = server.URL },
		"a bad name":        func(c *vault.S3Config) { c.Bucket = "No Name" },
		"TLS where is none": func(c *vault.S3Config) { c.TLS = true },
	} {
		bad := cfg
		change(&bad)
		if made, err := vault.MakeBucket(t.Context(), bad); err == nil || made {
			t.Errorf("%s: made = %v, no error", name, made)
		}
	}
}
