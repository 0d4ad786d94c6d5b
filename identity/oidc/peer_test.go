package oidc_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/oidc"
)

const peerFiles = "testdata/peer"

// peerModules is where the peer's packages lie, installed from the lock file
// once per machine.
var peerModules = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("the OpenID peer needs node 20 or later and npm on the PATH: %w", err)
		}
	}
	lock, err := os.ReadFile(filepath.Join(peerFiles, "package-lock.json"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "bode-test", "oidc-peer-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "node_modules"), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	// Install beside and rename, so that a half-finished one is never used.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, os.DirFS(peerFiles)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci of the OpenID peer: %w\n%s", err, out)
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another process was first: use its
			return "", err
		}
	}
	return filepath.Join(dir, "node_modules"), nil
})

// startPeer runs the peer for our client at redirectURL and returns its issuer.
func startPeer(t *testing.T, jwksURL string, settings map[string]string) string {
	t.Helper()
	modules, err := peerModules()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join(peerFiles, "peer.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "peer.mjs"), script, 0o644),
		os.Symlink(modules, filepath.Join(dir, "node_modules"))); err != nil {
		t.Fatal(err)
	}
	client := map[string]string{"client_id": "bode-test", "redirect_uri": redirectURL, "jwks_uri": jwksURL}
	for k, v := range settings {
		client[k] = v
	}
	arg, err := json.Marshal(client)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join(dir, "peer.mjs"), string(arg))
	var log strings.Builder
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // the peer ends by itself
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("peer said:\n%s", log.String())
		}
	})
	var said struct{ Issuer string }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil || said.Issuer == "" {
		_ = stdin.Close()
		_ = cmd.Wait()
		t.Fatalf("the OpenID peer did not start: %v\n%s", err, log.String())
	}
	return said.Issuer
}

// peerRig is our side against the peer. The keys are published before the peer
// is there, because the peer needs their address.
func peerRig(t *testing.T, settings map[string]string, change ...func(*oidc.Config)) *oidc.Provider {
	t.Helper()
	mux := http.NewServeMux()
	published := httptest.NewServer(mux)
	t.Cleanup(published.Close)
	keys := testKeys()
	cfg := oidc.Config{
		ClientID: "bode-test", RedirectURL: redirectURL,
		SigningKey: keys[1], EncryptionKeys: []oidc.Key{{Private: keys[2]}},
	}
	for _, c := range change {
		c(&cfg)
	}
	cfg.Issuer = startPeer(t, published.URL, settings)
	p, err := oidc.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", p.JWKSHandler())
	return p
}

// browse follows the browser's way until it would come back to us.
func browse(t *testing.T, start string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	browser := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirectURL) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(start)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if back == nil {
		t.Fatalf("the peer kept the browser: %s at %s", resp.Status, resp.Request.URL.Path)
	}
	return back.Query()
}

func TestPeerAlgorithms(t *testing.T) {
	t.Parallel()
	for _, userInfo := range []bool{false, true} {
		for alg, enc := range map[string]string{"RSA-OAEP-256": "A128CBC-HS256", "RSA-OAEP": "A256CBC-HS512"} {
			p := peerRig(t, map[string]string{"alg": alg, "enc": enc}, func(c *oidc.Config) {
				c.UserInfo, c.KeyAlgorithms, c.ContentAlgorithm = userInfo, []string{alg}, []string{enc}
			})
			s := begun(t, p, identity.Ask{Language: "nl"})
			got, err := finish(t.Context(), p, s, browse(t, s.URL), time.Now())
			if err != nil {
				t.Fatalf("%s %s userinfo %t: %v", alg, enc, userInfo, err)
			}
			if got.Subject != "nl" || got.Given != "Lotte" || got.Family != "Peeters" || got.BirthDate != "1985-07-30" ||
				got.NationalNumber != "85073003328" || got.Level != identity.LevelHigh {
				t.Errorf("got sub %q, %q %q %q, level %q", got.Subject, got.Given, got.Family, got.BirthDate, got.Level)
			}
		}
	}
}

func TestPeerRefusals(t *testing.T) {
	t.Parallel()
	p := peerRig(t, nil)
	if err := p.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	begin := func(lang string) start {
		s := begun(t, p, identity.Ask{Language: lang})
		return s
	}
	for lang, want := range map[string]error{"de": oidc.ErrRefused, "fr": oidc.ErrLevel, "en": oidc.ErrClaims} {
		s := begin(lang)
		got, err := finish(t.Context(), p, s, browse(t, s.URL), time.Now())
		wantRefusal(t, got, err, want)
	}
	s := begin("nl")
	q := browse(t, s.URL)
	if _, err := finish(t.Context(), p, s, q, time.Now()); err != nil {
		t.Fatal(err)
	}
	got, err := finish(t.Context(), p, s, q, time.Now())
	wantRefusal(t, got, err, oidc.ErrCode)

	s, other := begin("nl"), begin("nl")
	q = browse(t, s.URL)
	s.Verifier = other.Verifier
	got, err = finish(t.Context(), p, s, q, time.Now())
	wantRefusal(t, got, err, oidc.ErrCode)

	s = begin("nl")
	q = browse(t, s.URL)
	s.Nonce = other.Nonce
	got, err = finish(t.Context(), p, s, q, time.Now())
	wantRefusal(t, got, err, oidc.ErrToken)

	q.Set("iss", "https://idp.example/v2")
	got, err = finish(t.Context(), p, s, q, time.Now())
	wantRefusal(t, got, err, oidc.ErrState)
}

func TestPeerRefusesOurMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings map[string]string
		change   func(*oidc.Config)
		want     error
	}{
		"assertion audience": {nil, func(c *oidc.Config) { c.AssertionAudience = "https://idp.example/token" }, oidc.ErrConfig},
		"algorithm":          {map[string]string{"alg": "RSA-OAEP"}, func(*oidc.Config) {}, oidc.ErrToken},
		"content algorithm":  {map[string]string{"enc": "A256GCM"}, func(*oidc.Config) {}, oidc.ErrToken},
	} {
		p := peerRig(t, c.settings, c.change)
		s := begun(t, p, identity.Ask{Language: "nl"})
		got, err := finish(t.Context(), p, s, browse(t, s.URL), time.Now())
		t.Run(name, func(t *testing.T) { wantRefusal(t, got, err, c.want) })
	}
}
