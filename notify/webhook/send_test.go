package webhook_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify/webhook"
)

// key is one that a test can tell from others.
func key(n byte) delivery.HookKey {
	return delivery.HookKey{Secret: bytes.Repeat([]byte{n}, 32), Seed: bytes.Repeat([]byte{n}, ed25519.SeedSize)}
}

// sender reaches loopback and believes a test server.
func sender(t *testing.T, change ...func(*webhook.Config)) *webhook.Sender {
	t.Helper()
	cfg := webhook.Config{Loopback: true, Timeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func call(url string, keys ...delivery.HookKey) delivery.HookCall {
	if keys == nil {
		keys = []delivery.HookKey{key(1)}
	}
	return delivery.HookCall{ID: "0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c11", At: time.Now(), URL: url, Keys: keys,
		Body: []byte(`{"type":"delivery.collected.v1","timestamp":"2026-11-20T09:00:00.000000Z","data":{"test":true}}`)}
}

// catch sends a push and returns it as its receiver had it.
func catch(t *testing.T, c delivery.HookCall) push {
	t.Helper()
	var got push
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got.Body, got.Headers = string(b), map[string]string{}
		for k := range r.Header {
			got.Headers[strings.ToLower(k)] = r.Header.Get(k)
		}
	}))
	defer server.Close()
	c.URL = server.URL
	if a := sender(t).Send(t.Context(), c); a.Fault != "" || a.Status != 200 {
		t.Fatalf("%+v", a)
	}
	got.Secret, got.Public = c.Keys[0].Shared(), c.Keys[0].Public()
	return got
}

// TestSignatures lets the libraries of receivers judge what we sign, and what
// others forge. Standard Webhooks 1.0.0 §signature-scheme
func TestSignatures(t *testing.T) {
	t.Parallel()
	good := catch(t, call(""))
	with := func(change func(*push)) push {
		p := good
		p.Headers = map[string]string{}
		for k, v := range good.Headers {
			p.Headers[k] = v
		}
		change(&p)
		return p
	}
	rotated := catch(t, call("", key(2), key(1)))
	old := rotated
	old.Secret, old.Public = key(1).Shared(), key(1).Public()
	late := call("")
	late.At = time.Now().Add(-6 * time.Minute)
	cases := []struct {
		name string
		push
		hmac, pair bool // is taken
	}{
		{"good", good, true, true},
		{"after a rotation, with the new key", rotated, true, true},
		{"after a rotation, with the old key", old, true, true},
		{"another body", with(func(p *push) { p.Body = strings.Replace(p.Body, "true", "false", 1) }), false, false},
		{"another id", with(func(p *push) { p.Headers["webhook-id"] = "0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c12" }), false, false},
		{"a timestamp moved on", with(func(p *push) { p.Headers["webhook-timestamp"] = fmt.Sprint(time.Now().Unix() + 1000) }), false, false},
		{"another key", with(func(p *push) { p.Secret, p.Public = key(9).Shared(), key(9).Public() }), false, false},
		{"no signature", with(func(p *push) { p.Headers["webhook-signature"] = "v1, v1a," }), false, false},
		{"signatures swapped", with(func(p *push) {
			p.Headers["webhook-signature"] = strings.NewReplacer("v1,", "v1a,", "v1a,", "v1,").Replace(p.Headers["webhook-signature"])
		}), false, false},
		{"replayed after six minutes", catch(t, late), false, true}, // the pair has no library that looks at the time
	}
	var all []push
	for _, c := range cases {
		all = append(all, c.push)
	}
	for i, v := range judged(t, all) {
		for who, verdict := range v {
			want := cases[i].hmac
			if who == "ed25519" {
				want = cases[i].pair
			}
			if (verdict == "ok") != want {
				t.Errorf("%s: %s says %s", cases[i].name, who, verdict)
			}
		}
		if len(v) != 4 {
			t.Errorf("%s: %d verdicts", cases[i].name, len(v))
		}
	}
}

// TestVector is the one of the specification, whose signature somebody else made.
func TestVector(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	c := delivery.HookCall{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", At: time.Unix(1614265330, 0), Body: []byte(`{"test": 2432232314}`),
		Keys: []delivery.HookKey{{Secret: secret, Seed: key(1).Seed}}}
	if got := catch(t, c).Headers["webhook-signature"]; !strings.HasPrefix(got, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= ") {
		t.Errorf("got %s", got)
	}
}

// TestAnswers: what receivers do, and what is said of it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(secret.Close)
	for name, c := range map[string]struct {
		serve  http.HandlerFunc
		status int
		fault  string
	}{
		"taken":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, ""},
		"broken": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 500, delivery.FaultStatus},
		"gone":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, 410, delivery.FaultStatus},
		"to loopback": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, secret.URL, http.StatusTemporaryRedirect)
		}, 307, delivery.FaultRedirect},
		"to metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/", http.StatusFound)
		}, 302, delivery.FaultRedirect},
		"never":        {func(http.ResponseWriter, *http.Request) { <-hang }, 0, delivery.FaultTimeout},
		"drop by drop": {drops, 200, delivery.FaultTimeout},
		"hangs up":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, delivery.FaultConnection},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, 200, ""},
		"endless header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, 0, delivery.FaultConnection},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.serve)
			t.Cleanup(server.CloseClientConnections)
			s := sender(t, func(c *webhook.Config) { c.Timeout = time.Second })
			a := s.Send(t.Context(), call(server.URL))
			if a.Status != c.status || a.Fault != c.fault || len(a.Answer) > 4<<10 || a.Took > 4*time.Second {
				t.Errorf("status %d, fault %q, %d octets, %s; want %d, %q", a.Status, a.Fault, len(a.Answer), a.Took, c.status, c.fault)
			}
		})
	}
}

// drops sends an octet now and then, and never ends.
func drops(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		io.WriteString(w, ".")
		w.(http.Flusher).Flush()
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]time.Duration{"120": 2 * time.Minute, "": 0, "-5": 0, "9999999": 0, "Fri, 20 Nov 2026 09:00:00 GMT": 0} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", field)
			w.WriteHeader(503)
		}))
		if a := sender(t).Send(t.Context(), call(server.URL)); a.RetryAfter != want {
			t.Errorf("%q: %s", field, a.RetryAfter)
		}
		server.Close()
	}
}

// TestTLS: an old protocol, a certificate of nobody and one of somebody else are
// refused.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	trusting := func(c *webhook.Config) {
		c.Roots, c.Resolver = roots, names{"example.com": {"127.0.0.1"}, "other.org": {"127.0.0.1"}}
	}
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	t.Cleanup(old.Close)
	for _, c := range []struct {
		name, url, fault string
		sender           *webhook.Sender
	}{
		{"good", "https://example.com:" + port, "", sender(t, trusting)},
		{"a certificate of nobody", server.URL, delivery.FaultTLS, sender(t)},
		{"of somebody else", "https://other.org:" + port, delivery.FaultTLS, sender(t, trusting)},
		{"TLS 1.1", old.URL, delivery.FaultTLS, sender(t, func(c *webhook.Config) { c.Roots = old.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs })},
	} {
		if a := c.sender.Send(t.Context(), call(c.url)); a.Fault != c.fault {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}

// names is a resolver that knows what it is told.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) (out []netip.Addr, err error) {
	for _, a := range n[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		err = errors.New("no such host")
	}
	return out, err
}

// rebinding answers with one address first, and then with another.
type rebinding struct{ asked atomic.Int32 }

func (r *rebinding) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	if r.asked.Add(1) == 1 {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
}

// TestPrivate: nothing but the public Internet is dialled, whatever its name.
func TestPrivate(t *testing.T) {
	t.Parallel()
	reached := atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for name, addresses := range map[string][]string{
		"loopback": {"127.0.0.1"}, "all of it": {"127.9.9.9"}, "loopback, version 6": {"::1"}, "mapped": {"::ffff:127.0.0.1"},
		"private": {"10.1.2.3"}, "private too": {"172.31.0.1"}, "and this": {"192.168.1.1"}, "shared": {"100.64.0.1"},
		"metadata": {"169.254.169.254"}, "link-local": {"fe80::1"}, "unique local": {"fd00::1"}, "metadata, version 6": {"fd00:ec2::254"},
		"NAT64": {"64:ff9b::7f00:1"}, "local NAT64": {"64:ff9b:1::7f00:1"}, "6to4": {"2002:7f00:1::"}, "Teredo": {"2001::7f00:1"},
		"compatible": {"::127.0.0.1"}, "unspecified": {"0.0.0.0"}, "unspecified, version 6": {"::"}, "multicast": {"224.0.0.1"}, "broadcast": {"255.255.255.255"},
		"documentation": {"192.0.2.1"}, "benchmarks": {"198.18.0.1"}, "reserved": {"240.0.0.1"}, "site-local": {"fec0::1"},
		"one of two": {"1.1.1.1", "127.0.0.1"}, "with a zone": {"fe80::1%lo"},
	} {
		s := sender(t, func(c *webhook.Config) { c.Loopback, c.Resolver = false, names{"evil.example": addresses} })
		if a := s.Send(t.Context(), call("https://evil.example:"+port)); a.Fault != delivery.FaultPrivate {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for _, url := range []string{"https://127.0.0.1:" + port, "https://[::1]:" + port, "https://[::ffff:10.0.0.1]", "https://169.254.169.254/"} {
		if err := sender(t, func(c *webhook.Config) { c.Loopback = false }).Check(url); !errors.Is(err, webhook.ErrPrivate) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("reached %d times", reached.Load())
	}
}

// TestRebinding: a name is looked up once for a push, and what was checked is
// what is dialled.
func TestRebinding(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	twice := &rebinding{}
	s := sender(t, func(c *webhook.Config) {
		c.Resolver, c.Roots = twice, server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	})
	if a := s.Send(t.Context(), call("https://example.com:"+port)); a.Status != 200 || twice.asked.Load() != 1 {
		t.Errorf("%+v after %d questions", a, twice.asked.Load())
	}
}

// TestProxy: what the environment says about proxies does not count.
func TestProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a proxy was asked") }))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	s := sender(t, func(c *webhook.Config) { c.Loopback, c.Resolver = false, names{} })
	if a := s.Send(t.Context(), call("https://example.com")); a.Fault != delivery.FaultName {
		t.Errorf("%+v", a)
	}
}
