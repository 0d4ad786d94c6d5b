package vault_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/vault/vaulttest"
)

// gatewayDir is where the real server of all tests keeps its objects, once one
// needed it.
var gatewayDir string

// gateway is that server; each store has a bucket of its own.
var gateway = sync.OnceValues(func() (*vaulttest.Gateway, error) {
	var err error
	if gatewayDir, err = os.MkdirTemp("", "bode-vault-"); err != nil {
		return nil, err
	}
	return vaulttest.Start(vaulttest.Config{Dir: gatewayDir})
})

// endGateway ends the server, if there is one.
func endGateway() {
	if gatewayDir == "" {
		return
	}
	if g, err := gateway(); err == nil {
		_ = g.Kill()
	}
	_ = os.RemoveAll(gatewayDir)
}

// newGatewayS3 makes a store on the real server. What stands in front of it is a
// proxy, so that tests may break things there.
func newGatewayS3(t testing.TB) (store, *fake) {
	t.Helper()
	g, err := gateway()
	if err != nil {
		t.Fatal(err)
	}
	return storeOn(t, g)
}

func storeOn(t testing.TB, g *vaulttest.Gateway) (store, *fake) {
	t.Helper()
	f := &fake{bucket: "b" + strings.ToLower(rand.Text())}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: g.Endpoint})
	proxy.ErrorLog = log.New(io.Discard, "", 0) // tests break connections on purpose
	f.next = proxy                              // which keeps the host: signatures cover it
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.endpoint = strings.TrimPrefix(server.URL, "http://")
	c := newClock()
	cfg := vault.S3Config{Endpoint: f.endpoint, Bucket: f.bucket, AccessKey: vaulttest.AccessKey, SecretKey: vaulttest.SecretKey, Keys: newKeyring(t, c)}
	if made, err := vault.MakeBucket(t.Context(), cfg); err != nil || !made {
		t.Fatalf("bucket: made %v, %v", made, err)
	}
	v, err := vault.NewS3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.core, err = minio.NewCore(g.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(vaulttest.AccessKey, vaulttest.SecretKey, "")}); err != nil {
		t.Fatal(err)
	}
	return store{Vault: v, keys: cfg.Keys, clock: c, sweep: v.Sweep, read: f.readObject, write: f.writeObject, all: f.list}, f
}

func (f *fake) readObject(t testing.TB, name string) []byte {
	t.Helper()
	o, _, _, err := f.core.GetObject(t.Context(), f.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fake) writeObject(t testing.TB, name string, b []byte) {
	t.Helper()
	_, err := f.core.Client.PutObject(t.Context(), f.bucket, name, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fake) list(t testing.TB) []string {
	t.Helper()
	var found []string
	for o := range f.core.Client.ListObjects(t.Context(), f.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		found = append(found, o.Key)
	}
	for u := range f.core.ListIncompleteUploads(t.Context(), f.bucket, "", true) {
		if u.Err != nil {
			t.Fatal(u.Err)
		}
		found = append(found, "unfinished upload of "+u.Key)
	}
	return found
}

// TestNoGateway holds that a missing server is a failure that says what to do.
func TestNoGateway(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := vaulttest.Start(vaulttest.Config{Dir: t.TempDir()}); !errors.Is(err, vaulttest.ErrNoProgram) {
		t.Errorf("got %v", err)
	}
}
