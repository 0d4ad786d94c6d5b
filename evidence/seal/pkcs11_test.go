//go:build cgo

package seal_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/bode-erds/bode/evidence/seal"
)

const pin = "27182818"

// tokens are made before the module is loaded: it reads their list only then,
// and the environment names one place for the whole process.
//
// Tests that use a token run one after the other: SoftHSM writes its file at each log-in,
// and whoever reads it at that moment, another test that looks for its own, gets
// CKR_GENERAL_ERROR, or the one who logs in does.
func tokens() []string {
	return []string{"kinds", "own", "policy", "lost", "pin", "names", "crowd", "shared", "bench", "patient", "hangs", "double", "double"}
}

func TestMain(m *testing.M) {
	os.Exit(withTokens(m))
}

func withTokens(m *testing.M) int {
	if os.Getenv(hangModule) != "" {
		return m.Run() // a child of TestTokenHangs: it has its parent's tokens
	}
	dir, err := os.MkdirTemp("", "seal")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s\nlog.level = ERROR\n", dir), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	for _, name := range tokens() {
		out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", name, "--pin", pin, "--so-pin", "31415926").CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "softhsm2-util (.ci/tools names the package): %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// module is the library of SoftHSM.
func module(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm", "/usr/lib64/pkcs11", "/usr/local/lib/softhsm", "/opt/homebrew/lib/softhsm"} {
		if found, err := filepath.Glob(filepath.Join(pattern, "libsofthsm2.so")); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("libsofthsm2.so is not installed: .ci/tools names the package")
	return ""
}

// store puts a key pair on a token.
func store(t testing.TB, token, label, id string, key crypto.Signer) {
	t.Helper()
	run(t, "softhsm2-util", "--import", write(t, "key.pem", keyPEM(t, key)), "--token", token, "--pin", pin, "--label", label, "--id", id)
}

// onToken is the configuration of a key on a token, its certificates in a file.
func onToken(t testing.TB, token, label string, certs ...*x509.Certificate) seal.Config {
	t.Helper()
	cfg := seal.Config{Token: &seal.TokenConfig{Module: module(t), Label: token, KeyLabel: label, PINFile: write(t, "pin", []byte(pin+"\n"))}}
	if len(certs) > 0 {
		cfg.CertFile = write(t, "chain.pem", encode(certs...))
	}
	return cfg
}

func TestTokenSealsEvidence(t *testing.T) {
	a := newAuthority(t)
	for i, key := range []crypto.Signer{ec(t, p256), rsaKey(t, 3072), ec(t, elliptic.P384())} {
		label := fmt.Sprintf("key %d", i)
		store(t, "kinds", label, fmt.Sprintf("0%d", i), key)
		k := open(t, onToken(t, "kinds", label, a.certify(t, key.Public())...))
		judge(t, k, a.root)
		if err := k.Health(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestTokenOwnKey takes a pair that was made on the token, by another program,
// and its certificates from there.
func TestTokenOwnKey(t *testing.T) {
	pair := []string{"--module", module(t), "--token-label", "own", "--login", "--pin", pin}
	run(t, "pkcs11-tool", append(pair, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "made here", "--id", "a1")...)
	der := filepath.Join(t.TempDir(), "pub.der")
	run(t, "pkcs11-tool", append(pair, "--read-object", "--type", "pubkey", "--id", "a1", "--output-file", der)...)
	b, err := os.ReadFile(der)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.ParsePKIXPublicKey(b)
	if err != nil {
		t.Fatal(err)
	}
	cfg := onToken(t, "own", "")
	cfg.Token.KeyID = "a1"
	if _, err := seal.New(cfg); !errors.Is(err, seal.ErrKey) {
		t.Errorf("without a certificate: %v", err)
	}
	a := newAuthority(t)
	chain := a.certify(t, pub)
	put := func(c *x509.Certificate, id string) {
		run(t, "pkcs11-tool", append(pair, "--write-object", write(t, "c.der", c.Raw), "--type", "cert", "--id", id)...)
	}
	put(chain[0], "a1")
	put(chain[1], "b1")
	put(a.root, "b2")
	k := open(t, cfg)
	if got := k.Certificates(); len(got) != 2 || !got[0].Equal(chain[0]) || !got[1].Equal(chain[1]) {
		t.Errorf("%d certificates", len(got))
	}
	judge(t, k, a.root)
	put(a.certify(t, pub)[0], "a2")
	if _, err := seal.New(cfg); !errors.Is(err, seal.ErrKey) {
		t.Errorf("two certificates: %v", err)
	}
	cfg.CertFile = write(t, "chain.pem", encode(chain...))
	open(t, cfg)
}

func TestTokenPolicy(t *testing.T) {
	const token = "policy"
	a := newAuthority(t)
	good, other, small := ec(t, p256), ec(t, p256), rsaKey(t, 2048)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []crypto.Signer{good, small, ec(t, elliptic.P521()), ed} {
		store(t, token, fmt.Sprintf("key %d", i), fmt.Sprintf("1%d", i), key)
	}
	store(t, token, "twins", "20", good)
	store(t, token, "twins", "21", other)
	loose := []string{"--module", module(t), "--token-label", token, "--login", "--pin", pin}
	run(t, "pkcs11-tool", append(loose, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "loose", "--id", "30", "--extractable")...)
	for what, c := range map[string]struct {
		cfg  seal.Config
		want error
	}{
		"missing":            {onToken(t, token, "nobody", a.certify(t, good.Public())...), seal.ErrKey},
		"other certificate":  {onToken(t, token, "key 0", a.certify(t, other.Public())...), seal.ErrKey},
		"chain of strangers": {onToken(t, token, "key 0", a.certify(t, good.Public())[0], newAuthority(t).sub), seal.ErrKey},
		"no certificate":     {onToken(t, token, "key 0"), seal.ErrKey},
		"RSA-2048":           {onToken(t, token, "key 1", a.certify(t, small.Public())...), seal.ErrKey},
		"P-521":              {onToken(t, token, "key 2"), seal.ErrKey},
		"two with one label": {onToken(t, token, "twins", a.certify(t, good.Public())...), seal.ErrKey},
		"extractable":        {onToken(t, token, "loose"), seal.ErrKey},
	} {
		if k, err := seal.New(c.cfg); !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	// The identifier tells twins apart.
	cfg := onToken(t, token, "twins", a.certify(t, other.Public())...)
	cfg.Token.KeyID = "21"
	if err := sign(open(t, cfg), "x"); err != nil {
		t.Error(err)
	}
	// A kind of key that the library does not know.
	if _, err := seal.New(onToken(t, token, "key 3", a.certify(t, ed.Public())...)); err == nil {
		t.Error("Ed25519 accepted")
	}
}

func TestTokenConfigRefused(t *testing.T) {
	t.Parallel()
	good := func(change func(*seal.TokenConfig)) seal.Config {
		cfg := onToken(t, "names", "x")
		change(cfg.Token)
		return cfg
	}
	slot := 1 << 20
	for what, c := range map[string]struct {
		cfg  seal.Config
		want error
	}{
		"relative module": {good(func(c *seal.TokenConfig) { c.Module = "libsofthsm2.so" }), seal.ErrConfig},
		"no library":      {good(func(c *seal.TokenConfig) { c.Module = "/nonexistent/lib.so" }), seal.ErrUnavailable},
		"no token":        {good(func(c *seal.TokenConfig) { c.Label = "" }), seal.ErrConfig},
		"two names":       {good(func(c *seal.TokenConfig) { c.Serial = "1" }), seal.ErrConfig},
		"no such slot":    {good(func(c *seal.TokenConfig) { c.Label, c.Slot = "", &slot }), seal.ErrUnavailable},
		"no such token":   {good(func(c *seal.TokenConfig) { c.Label = "elsewhere" }), seal.ErrUnavailable},
		"two such tokens": {good(func(c *seal.TokenConfig) { c.Label = "double" }), seal.ErrConfig},
		"no key":          {good(func(c *seal.TokenConfig) { c.KeyLabel = "" }), seal.ErrConfig},
		"bad id":          {good(func(c *seal.TokenConfig) { c.KeyID = "0g" }), seal.ErrConfig},
		"one session":     {good(func(c *seal.TokenConfig) { c.MaxSessions = 1 }), seal.ErrConfig},
		"negative time":   {good(func(c *seal.TokenConfig) { c.Timeout = -1 }), seal.ErrConfig},
		"no PIN file":     {good(func(c *seal.TokenConfig) { c.PINFile = "" }), seal.ErrConfig},
		"PIN file gone":   {good(func(c *seal.TokenConfig) { c.PINFile += "x" }), seal.ErrConfig},
		"empty PIN":       {good(func(c *seal.TokenConfig) { c.PINFile = write(t, "pin", []byte("\n")) }), seal.ErrConfig},
		"two PINs":        {good(func(c *seal.TokenConfig) { c.PINFile = write(t, "pin", []byte("1\n2\n")) }), seal.ErrConfig},
		"open PIN file": {good(func(c *seal.TokenConfig) {
			if err := os.Chmod(c.PINFile, 0o644); err != nil {
				t.Fatal(err)
			}
		}), seal.ErrConfig},
	} {
		k, err := seal.New(c.cfg)
		if !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && strings.Contains(err.Error(), pin) {
			t.Errorf("%s: the error quotes the PIN", what)
		}
	}
}

// TestWrongPIN makes sure that one wrong PIN stays one: the next attempt looks
// at the token's warning and does not log in.
func TestWrongPIN(t *testing.T) {
	key := ec(t, p256)
	store(t, "pin", "seal", "01", key)
	cfg := onToken(t, "pin", "seal", newAuthority(t).certify(t, key.Public())...)
	right := cfg.Token.PINFile
	cfg.Token.PINFile = write(t, "pin", []byte("00000000"))
	_, err := seal.New(cfg)
	if !errors.Is(err, seal.ErrPIN) || !strings.Contains(err.Error(), "PIN_INCORRECT") {
		t.Fatalf("first attempt: %v", err)
	}
	_, err = seal.New(cfg)
	if !errors.Is(err, seal.ErrPIN) || strings.Contains(err.Error(), "PIN_INCORRECT") {
		t.Fatalf("second attempt reached the token: %v", err)
	}
	// A person logs in with the right one, which clears the warning.
	run(t, "pkcs11-tool", "--module", module(t), "--token-label", "pin", "--login", "--pin", pin, "--list-objects")
	cfg.Token.PINFile = right
	if err := sign(open(t, cfg), "x"); err != nil {
		t.Error(err)
	}
}

// upset does to a token what a broken line or a restarted device does: it takes
// all sessions and the log-in away.
func upset(t testing.TB, label string) {
	t.Helper()
	m := pkcs11.New(module(t))
	defer m.Destroy()
	slots, err := m.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		if info, err := m.GetTokenInfo(slot); err == nil && info.Label == label {
			if err := m.CloseAllSessions(slot); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no token %s", label)
}

func TestTokenComesBack(t *testing.T) {
	key := ec(t, p256)
	store(t, "lost", "seal", "01", key)
	var mu sync.Mutex
	now := time.Now()
	cfg := onToken(t, "lost", "seal", newAuthority(t).certify(t, key.Public())...)
	cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	k := open(t, cfg)
	// Sessions lost: nobody notices, however many sign.
	for range 3 {
		upset(t, "lost")
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if err := sign(k, fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	// The key gone as well: each attempt to find it is paid for with a longer
	// pause, and the first after its return succeeds.
	tool := []string{"--module", module(t), "--token-label", "lost", "--login", "--pin", pin}
	for _, kind := range []string{"privkey", "pubkey"} {
		run(t, "pkcs11-tool", append(tool, "--delete-object", "--type", kind, "--id", "01")...)
	}
	upset(t, "lost")
	if err := sign(k, "x"); !errors.Is(err, seal.ErrKey) {
		t.Errorf("without the key: %v", err)
	}
	store(t, "lost", "seal", "01", key)
	if err := sign(k, "x"); !errors.Is(err, seal.ErrKey) {
		t.Errorf("within the pause: %v", err)
	}
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	if err := sign(k, "x"); err != nil {
		t.Error(err)
	}
	// Another key by the same name is not ours.
	for _, kind := range []string{"privkey", "pubkey"} {
		run(t, "pkcs11-tool", append(tool, "--delete-object", "--type", kind, "--id", "01")...)
	}
	store(t, "lost", "seal", "01", ec(t, p256))
	upset(t, "lost")
	if err := sign(k, "x"); !errors.Is(err, seal.ErrKey) {
		t.Errorf("exchanged key: %v", err)
	}
	if err := k.Health(t.Context()); !errors.Is(err, seal.ErrKey) {
		t.Errorf("health of an exchanged key: %v", err)
	}
}

// TestTokenPatience has callers go away: that is no reason to give up a
// connection that others use.
func TestTokenPatience(t *testing.T) {
	key := ec(t, p256)
	store(t, "patient", "seal", "01", key)
	cfg := onToken(t, "patient", "seal", newAuthority(t).certify(t, key.Public())...)
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	k := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if err := k.Health(ctx); err != nil && !errors.Is(err, seal.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	if err := sign(k, "x"); err != nil || log.Len() > 0 {
		t.Errorf("%v; log: %s", err, log.String())
	}
}

func TestTokenCrowd(t *testing.T) {
	key := ec(t, p256)
	store(t, "crowd", "seal", "01", key)
	cfg := onToken(t, "crowd", "seal", newAuthority(t).certify(t, key.Public())...)
	cfg.Token.MaxSessions = 3
	k, err := seal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 8 {
				if err := sign(k, fmt.Sprint(i, j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	// Closing amid signatures: each is whole or refused, none hangs.
	for i := range 16 {
		all.Go(func() {
			for j := range 64 {
				if err := sign(k, fmt.Sprint(i, j)); err != nil {
					if !errors.Is(err, seal.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if err := sign(k, "x"); !errors.Is(err, seal.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestTwoKeysOfOneToken is what a roll-over looks like: the next key on the same
// token, in the same process, and one of them closed.
func TestTwoKeysOfOneToken(t *testing.T) {
	a := newAuthority(t)
	var keys []seal.Key
	for i := range 2 {
		key := ec(t, p256)
		id := hex.EncodeToString([]byte{byte(i + 1)})
		store(t, "shared", "seal", id, key)
		cfg := onToken(t, "shared", "", a.certify(t, key.Public())...)
		cfg.Token.KeyID = id
		k, err := seal.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if err := keys[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sign(keys[1], "x"), keys[1].Close()); err != nil {
		t.Error(err)
	}
}

// TestWithoutCgo makes sure that a static program still builds, and says what it
// lacks.
func TestWithoutCgo(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./testdata/nocgo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "true ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func BenchmarkToken(b *testing.B) {
	key := ec(b, p256)
	id := fmt.Sprintf("%016x", time.Now().UnixNano()) // the function runs more than once
	store(b, "bench", "seal", id, key)
	cfg := onToken(b, "bench", "", newAuthority(b).certify(b, key.Public())...)
	cfg.Token.KeyID = id
	k := open(b, cfg)
	sum := sha256.Sum256([]byte("x"))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Sign(nil, sum[:], crypto.SHA256); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
