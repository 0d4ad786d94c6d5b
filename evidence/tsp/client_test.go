package tsp_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/tsp"
)

func authority(t *testing.T) (*evidencetest.Authority, string) {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return a, srv.URL
}

func client(t *testing.T, change func(*tsp.Config), urls ...string) *tsp.Client {
	t.Helper()
	cfg := tsp.Config{Timeout: 5 * time.Second, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, u := range urls {
		cfg.Authorities = append(cfg.Authorities, tsp.Authority{Name: "t", URL: u})
	}
	change(&cfg)
	c, err := tsp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStampAgainstOpenSSL(t *testing.T) {
	t.Parallel()
	a, url := authority(t)
	c := client(t, func(c *tsp.Config) { c.Trust = a.Trust() }, url)
	data := []byte("evidence")
	sum := sha256.Sum256(data)
	token, err := c.Stamp(t.Context(), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is not installed: .ci/tools names the package")
	}
	dir := t.TempDir()
	if err := a.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"data": data, "token": token} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "tsa.pem")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("openssl: %s", out)
	}
}

func TestRefusesWhatItCannotBelieve(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("x"))
	stranger, _ := authority(t)
	for _, c := range []struct {
		name   string
		fault  evidencetest.Fault
		change func(*tsp.Config)
		want   error
	}{
		{"reject", evidencetest.Reject, nil, tsp.ErrRefused},
		{"down", evidencetest.Down, nil, tsp.ErrRefused},
		{"garbage", evidencetest.Garbage, nil, tsp.ErrAnswer},
		{"endless", evidencetest.Endless, nil, tsp.ErrAnswer},
		{"wrong imprint", evidencetest.WrongImprint, nil, tsp.ErrAnswer},
		{"wrong nonce", evidencetest.WrongNonce, nil, tsp.ErrAnswer},
		{"wrong time", evidencetest.WrongTime, nil, tsp.ErrClock},
		{"old time", evidencetest.OldTime, nil, tsp.ErrClock},
		{"foreign certificate", evidencetest.Foreign, nil, evidence.ErrToken},
		{"other key", evidencetest.OtherKey, nil, evidence.ErrToken},
		{"slow", evidencetest.Slow, func(c *tsp.Config) { c.Timeout = time.Second }, context.DeadlineExceeded},
		{"stranger", evidencetest.Works, func(c *tsp.Config) { c.Trust = stranger.Trust() }, evidence.ErrToken},
		{"policy", evidencetest.Works, func(c *tsp.Config) { c.Trust.Policies = []string{"1.2.3"} }, evidence.ErrToken},
		{"our clock behind", evidencetest.Works, func(c *tsp.Config) {
			c.Now = func() time.Time { return time.Now().Add(-time.Minute) }
		}, tsp.ErrClock},
		{"our clock ahead", evidencetest.Works, func(c *tsp.Config) {
			c.Now = func() time.Time { return time.Now().Add(time.Minute) }
		}, tsp.ErrClock},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, url := authority(t)
			a.SetFault(c.fault)
			cl := client(t, func(cfg *tsp.Config) {
				cfg.Trust = a.Trust()
				if c.change != nil {
					c.change(cfg)
				}
			}, url)
			token, err := cl.Stamp(t.Context(), sum[:])
			if !errors.Is(err, c.want) || token != nil {
				t.Errorf("got token of %d octets, %v; want %v", len(token), err, c.want)
			}
			if n := a.Requests(); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
		})
	}
}

func TestFailOver(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("x"))
	for _, c := range []struct {
		fault evidencetest.Fault
		next  int // how often the second is asked
	}{{evidencetest.Works, 0}, {evidencetest.Down, 1}, {evidencetest.Reject, 1}, {evidencetest.Garbage, 1}, {evidencetest.WrongTime, 0}} {
		first, url1 := authority(t)
		second, url2 := authority(t)
		first.SetFault(c.fault)
		trust := first.Trust()
		both := x509.NewCertPool()
		for _, a := range []*evidencetest.Authority{first, second} {
			dir := t.TempDir()
			if err := a.WritePEM(dir); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, "tsa.pem"))
			if err != nil || !both.AppendCertsFromPEM(b) {
				t.Fatal("anchor unreadable", err)
			}
		}
		trust.TSA = both
		_, err := client(t, func(cfg *tsp.Config) { cfg.Trust = trust }, url1, url2).Stamp(t.Context(), sum[:])
		if wantErr := c.fault == evidencetest.WrongTime; (err != nil) != wantErr {
			t.Errorf("%q: got %v", c.fault, err)
		}
		if second.Requests() != c.next {
			t.Errorf("%q: second asked %d times, want %d", c.fault, second.Requests(), c.next)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	a, url := authority(t)
	for name, cfg := range map[string]tsp.Config{
		"empty":             {},
		"no trust":          {Authorities: []tsp.Authority{{URL: url}}},
		"no host":           {Authorities: []tsp.Authority{{URL: "http://"}}, Trust: a.Trust()},
		"file":              {Authorities: []tsp.Authority{{URL: "file:///x"}}, Trust: a.Trust()},
		"password in clear": {Authorities: []tsp.Authority{{URL: url, User: "u"}}, Trust: a.Trust()},
	} {
		if _, err := tsp.New(cfg); !errors.Is(err, tsp.ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
	c := client(t, func(c *tsp.Config) { c.Trust = a.Trust() }, url)
	if _, err := c.Stamp(t.Context(), []byte("short")); err == nil {
		t.Error("an imprint that is no SHA-256 was stamped")
	}
}

func TestNoRedirect(t *testing.T) {
	t.Parallel()
	a, url := authority(t)
	hop := httptest.NewServer(http.RedirectHandler(url, http.StatusTemporaryRedirect))
	t.Cleanup(hop.Close)
	sum := sha256.Sum256(nil)
	if _, err := client(t, func(c *tsp.Config) { c.Trust = a.Trust() }, hop.URL).Stamp(t.Context(), sum[:]); !errors.Is(err, tsp.ErrRefused) {
		t.Errorf("got %v, want ErrRefused", err)
	}
}
