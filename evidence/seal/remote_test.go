package seal_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence/seal"
)

// remote is a server with a P-256 key and its certificates.
func remote(t testing.TB) *cscServer {
	t.Helper()
	a, key := newAuthority(t), ec(t, p256)
	return newCSC(t, key, append(a.certify(t, key.Public()), a.root)...)
}

func TestRemoteSealsEvidence(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for name, key := range map[string]crypto.Signer{"P-256": ec(t, p256), "raw": ec(t, p256), "P-384": ec(t, elliptic.P384()), "RSA-3072": rsaKey(t, 3072), "bare": rsaKey(t, 3072)} {
		s := newCSC(t, key, append(a.certify(t, key.Public()), a.root)...)
		s.raw, s.pin = name == "raw", "1234"
		if name == "bare" {
			s.algos = []string{"1.2.840.113549.1.1.1"}
		}
		k := open(t, s.config(t))
		judge(t, k, a.root)
		if err := k.Health(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.count("token") != 1 {
			t.Errorf("%s: %d tokens", name, s.count("token"))
		}
	}
}

// many signs n texts at a time and gives the errors in order.
func many(k seal.Key, n int) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = sign(k, fmt.Sprint("text ", i)) })
	}
	all.Wait()
	return errs
}

func TestRemoteSharesCalls(t *testing.T) {
	t.Parallel()
	s := remote(t)
	// The wait is long, so that full batches show; what is left over goes alone.
	k := open(t, s.config(t, func(c *seal.RemoteConfig) { c.Wait = seal.Duration(time.Second) }))
	before := s.count("signatures/signHash")
	if err := errors.Join(many(k, 95)...); err != nil {
		t.Fatal(err)
	}
	if calls := s.count("signatures/signHash") - before; calls != 10 || s.most != 10 {
		t.Errorf("%d calls, %d digests at most", calls, s.most)
	}
	for digest, n := range s.signed {
		if n != 1 {
			t.Errorf("%s signed %d times", digest, n)
		}
	}
}

func TestRemoteOwnLimit(t *testing.T) {
	t.Parallel()
	s := remote(t)
	k := open(t, s.config(t, func(c *seal.RemoteConfig) { c.MaxBatch, c.Wait = 3, seal.Duration(time.Second) }))
	if err := errors.Join(many(k, 9)...); err != nil || s.most != 3 {
		t.Errorf("%d digests at most, %v", s.most, err)
	}
}

// TestRemoteFaults has the service misbehave after a good start.
func TestRemoteFaults(t *testing.T) {
	t.Parallel()
	reply := func(method string, times int, f func(w http.ResponseWriter)) func(*cscServer) {
		return func(s *cscServer) {
			var n atomic.Int64
			s.fault = func(w http.ResponseWriter, m string, _ int) bool {
				if m != method || n.Add(1) > int64(times) {
					return false
				}
				f(w)
				return true
			}
		}
	}
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { http.Error(w, "no", code) }
	}
	hang := func(s *cscServer) func(w http.ResponseWriter) {
		return func(http.ResponseWriter) { <-s.stop }
	}
	for name, c := range map[string]struct {
		set  func(*cscServer)
		want error // nil: nobody notices
		hash int   // calls of signHash
	}{
		"authorize fails once":   {reply("credentials/authorize", 1, status(500)), nil, 1},
		"authorize fails":        {reply("credentials/authorize", 99, status(503)), seal.ErrUnavailable, 0},
		"authorize refuses":      {reply("credentials/authorize", 99, func(w http.ResponseWriter) { refuse(w, 400, "invalid_request") }), seal.ErrRefused, 0},
		"authorize hangs":        {func(s *cscServer) { reply("credentials/authorize", 99, hang(s))(s) }, seal.ErrUnavailable, 0},
		"no authorization":       {reply("credentials/authorize", 99, func(w http.ResponseWriter) { answer(w, 200, map[string]any{}) }), seal.ErrUnavailable, 0},
		"token taken away":       {func(s *cscServer) { s.revoke() }, nil, 1},
		"token never good":       {reply("credentials/authorize", 99, status(401)), seal.ErrRefused, 0},
		"sign breaks down":       {reply("signatures/signHash", 99, status(500)), seal.ErrUnavailable, 1},
		"sign breaks, with word": {reply("signatures/signHash", 99, func(w http.ResponseWriter) { refuse(w, 500, "server_error") }), seal.ErrUnavailable, 1},
		"sign says nothing":      {reply("signatures/signHash", 99, status(400)), seal.ErrUnavailable, 1},
		"sign hangs":             {func(s *cscServer) { reply("signatures/signHash", 99, hang(s))(s) }, seal.ErrUnavailable, 1},
		"sign too busy once":     {reply("signatures/signHash", 1, status(429)), nil, 2},
		"authorization ran out":  {reply("signatures/signHash", 1, func(w http.ResponseWriter) { refuse(w, 400, "invalid_request") }), nil, 2},
		"sign refuses":           {reply("signatures/signHash", 99, func(w http.ResponseWriter) { refuse(w, 400, "invalid_request") }), seal.ErrRefused, 2},
		"garbage":                {reply("signatures/signHash", 99, func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }), seal.ErrUnavailable, 1},
		"no base64":              {reply("signatures/signHash", 99, func(w http.ResponseWriter) { answer(w, 200, map[string]any{"signatures": []string{"%"}}) }), seal.ErrUnavailable, 1},
		"endless":                {reply("signatures/signHash", 99, huge), seal.ErrUnavailable, 1},
		"redirect":               {reply("signatures/signHash", 99, func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(307) }), seal.ErrUnavailable, 1},
		"connection cut":         {reply("signatures/signHash", 99, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }), seal.ErrUnavailable, 1},
		"nothing returned":       {func(s *cscServer) { s.spoil = func([][]byte) [][]byte { return nil } }, seal.ErrSignature, 1},
		"wrong signature": {func(s *cscServer) {
			s.spoil = func(sigs [][]byte) [][]byte { sigs[0][len(sigs[0])-1] ^= 1; return sigs }
		}, seal.ErrSignature, 1},
		"raw, wrong": {func(s *cscServer) { s.spoil = func(sigs [][]byte) [][]byte { return [][]byte{make([]byte, 64)} } }, seal.ErrSignature, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := remote(t)
			k := open(t, s.config(t, func(c *seal.RemoteConfig) {
				if strings.Contains(name, "hang") {
					c.Timeout = seal.Duration(time.Second)
				}
			}))
			before := s.count("signatures/signHash")
			c.set(s)
			err := sign(k, "x")
			if c.want == nil && err != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if n := s.count("signatures/signHash") - before; n != c.hash {
				t.Errorf("%d calls to sign, want %d", n, c.hash)
			}
			if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "token-")) {
				t.Errorf("the error quotes a secret: %v", err)
			}
		})
	}
}

// TestRemoteEachItsOwn spoils single signatures of a batch: the others are whole.
func TestRemoteEachItsOwn(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([][]byte) [][]byte{
		"one wrong":   func(sigs [][]byte) [][]byte { sigs[3] = []byte("nonsense"); return sigs },
		"one missing": func(sigs [][]byte) [][]byte { return sigs[:len(sigs)-1] },
		"two swapped": func(sigs [][]byte) [][]byte { sigs[0], sigs[1] = sigs[1], sigs[0]; return sigs },
		"all shifted": func(sigs [][]byte) [][]byte { return append(slices.Clone(sigs[1:]), sigs[0]) },
		"one surplus": func(sigs [][]byte) [][]byte { return append(sigs, sigs[0]) },
	} {
		s := remote(t)
		k := open(t, s.config(t, func(c *seal.RemoteConfig) { c.Wait = seal.Duration(time.Second) }))
		s.spoil = spoil
		bad := 0
		for _, err := range many(k, 10) {
			if err != nil {
				bad++
				if !errors.Is(err, seal.ErrSignature) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if want := map[string]int{"one wrong": 1, "one missing": 1, "two swapped": 2, "all shifted": 10}[name]; bad != want {
			t.Errorf("%s: %d errors, want %d", name, bad, want)
		}
	}
}

func TestRemoteRefusedAtStart(t *testing.T) {
	t.Parallel()
	a, key := newAuthority(t), ec(t, p256)
	chain := a.certify(t, key.Public())
	info := func(path, field string, v any) func(*cscServer) {
		return func(s *cscServer) {
			s.change = func(out map[string]any) {
				if field == "" {
					out[path] = v
					return
				}
				out[path].(map[string]any)[field] = v
			}
		}
	}
	for name, c := range map[string]struct {
		set  func(*cscServer)
		want error
	}{
		"disabled":          {info("key", "status", "disabled"), seal.ErrKey},
		"no status":         {info("key", "status", ""), seal.ErrKey},
		"revoked":           {info("cert", "status", "revoked"), seal.ErrKey},
		"person needed":     {info("auth", "mode", "oauth2code"), seal.ErrKey},
		"no certificates":   {info("cert", "certificates", []string{}), seal.ErrKey},
		"no certificate":    {info("cert", "certificates", [][]byte{[]byte("x")}), seal.ErrKey},
		"endless chain":     {info("cert", "certificates", slices.Repeat([][]byte{chain[0].Raw}, 9)), seal.ErrKey},
		"strangers":         {info("cert", "certificates", [][]byte{chain[0].Raw, newAuthority(t).sub.Raw}), seal.ErrKey},
		"another's key":     {info("cert", "certificates", [][]byte{a.certify(t, ec(t, p256).Public())[0].Raw}), seal.ErrSignature},
		"other algorithms":  {func(s *cscServer) { s.algos = []string{"1.2.840.10045.4.3.1"} }, seal.ErrKey},
		"weak key":          {info("cert", "certificates", [][]byte{a.certify(t, rsaKey(t, 2048).Public())[0].Raw}), seal.ErrKey},
		"numbers for words": {info("key", "", 5), seal.ErrUnavailable},
		"wrong signatures":  {func(s *cscServer) { s.spoil = func([][]byte) [][]byte { return [][]byte{{1}} } }, seal.ErrSignature},
		"no answer": {func(s *cscServer) {
			s.fault = func(w http.ResponseWriter, _ string, _ int) bool {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
		}, seal.ErrUnavailable},
		"not bearer": {func(s *cscServer) {
			s.fault = func(w http.ResponseWriter, m string, _ int) bool {
				answer(w, 200, map[string]string{"access_token": "x", "token_type": "mac"})
				return m == "token"
			}
		}, seal.ErrUnavailable},
	} {
		s := newCSC(t, key, chain...)
		c.set(s)
		k, err := seal.New(s.config(t, func(c *seal.RemoteConfig) { c.Timeout = seal.Duration(time.Second) }))
		if !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A certificate in a file pins that of the service.
	s := newCSC(t, key, chain...)
	cfg := s.config(t)
	cfg.CertFile = write(t, "other.pem", encode(a.certify(t, key.Public())...))
	if _, err := seal.New(cfg); !errors.Is(err, seal.ErrKey) {
		t.Errorf("pinned: %v", err)
	}
	cfg.CertFile = write(t, "same.pem", encode(chain...))
	open(t, cfg)
}

func TestRemoteConfigRefused(t *testing.T) {
	t.Parallel()
	s := remote(t)
	for name, change := range map[string]func(*seal.RemoteConfig){
		"no address":    func(c *seal.RemoteConfig) { c.URL = "" },
		"no TLS":        func(c *seal.RemoteConfig) { c.URL = "http://rssp.example/csc/v2" },
		"token, no TLS": func(c *seal.RemoteConfig) { c.TokenURL = "http://rssp.example/token" },
		"password":      func(c *seal.RemoteConfig) { c.URL = "https://a:b@rssp.example" },
		"other scheme":  func(c *seal.RemoteConfig) { c.URL = "file:///etc" },
		"no client":     func(c *seal.RemoteConfig) { c.ClientID = "" },
		"no credential": func(c *seal.RemoteConfig) { c.CredentialID = "" },
		"no secret":     func(c *seal.RemoteConfig) { c.SecretFile = "" },
		"no PIN":        func(c *seal.RemoteConfig) { c.AuthFiles = map[string]string{"PIN": "/nonexistent"} },
		"waits long":    func(c *seal.RemoteConfig) { c.Wait = seal.Duration(time.Minute) },
		"negative":      func(c *seal.RemoteConfig) { c.MaxCalls = -1 },
	} {
		if k, err := seal.New(s.config(t, change)); !errors.Is(err, seal.ErrConfig) || k != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := seal.New(s.config(t, func(c *seal.RemoteConfig) { c.RootsFile = "/nonexistent" })); !errors.Is(err, seal.ErrKey) {
		t.Errorf("roots: %v", err)
	}
	// A stranger's TLS certificate gets no secret.
	if _, err := seal.New(s.config(t, func(c *seal.RemoteConfig) { c.RootsFile = "" })); !errors.Is(err, seal.ErrUnavailable) || s.count("token") != 0 {
		t.Errorf("unknown TLS root: %v", err)
	}
	// Who is not let in asks once.
	_, err := seal.New(s.config(t, func(c *seal.RemoteConfig) { c.ClientID = "stranger" }))
	if !errors.Is(err, seal.ErrRefused) || s.count("token") != 1 {
		t.Errorf("stranger: %v, asked %d times", err, s.count("token"))
	}
}

// TestRemoteWrongPIN shows a PIN that is refused once and never again.
func TestRemoteWrongPIN(t *testing.T) {
	t.Parallel()
	s := remote(t)
	s.pin = "1234"
	k := open(t, s.config(t))
	s.mu.Lock()
	s.pin = "4321"
	s.mu.Unlock()
	before := s.count("credentials/authorize")
	for range 3 {
		if err := sign(k, "x"); !errors.Is(err, seal.ErrPIN) {
			t.Errorf("got %v", err)
		}
	}
	if n := s.count("credentials/authorize") - before; n != 1 {
		t.Errorf("the PIN was shown %d times", n)
	}
}

func TestRemoteTokenRefreshed(t *testing.T) {
	t.Parallel()
	s := remote(t)
	var mu sync.Mutex
	now := time.Now()
	cfg := s.config(t)
	cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	k := open(t, cfg)
	for _, step := range []time.Duration{0, 59 * time.Minute, time.Minute} {
		mu.Lock()
		now = now.Add(step)
		mu.Unlock()
		if err := sign(k, step.String()); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.count("token"); n != 2 {
		t.Errorf("%d tokens in an hour", n)
	}
}

func TestRemoteHealth(t *testing.T) {
	t.Parallel()
	s := remote(t)
	k := open(t, s.config(t))
	before := s.count("signatures/signHash")
	s.mu.Lock()
	chain := s.chain
	s.chain = newAuthority(t).certify(t, s.key.Public())
	s.mu.Unlock()
	if err := k.Health(t.Context()); !errors.Is(err, seal.ErrKey) {
		t.Errorf("renewed behind our back: %v", err)
	}
	s.mu.Lock()
	s.chain = chain
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Health(ctx); !errors.Is(err, seal.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	if err := k.Health(t.Context()); err != nil || s.count("signatures/signHash") != before {
		t.Errorf("health: %v", err)
	}
}

// TestRemoteCloses lets what is parked go out and takes nothing more.
func TestRemoteCloses(t *testing.T) {
	t.Parallel()
	s := remote(t)
	k, err := seal.New(s.config(t, func(c *seal.RemoteConfig) { c.Wait = seal.Duration(time.Second) }))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			if err := sign(k, fmt.Sprint(i)); err != nil && !errors.Is(err, seal.ErrClosed) {
				t.Error(err)
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
}

// TestRemoteQueue bounds how many batches are under way, and how long one waits.
func TestRemoteQueue(t *testing.T) {
	t.Parallel()
	s := remote(t)
	k := open(t, s.config(t, func(c *seal.RemoteConfig) {
		c.MaxCalls, c.MaxBatch, c.Timeout = 2, 1, seal.Duration(300*time.Millisecond)
	}))
	var under, most atomic.Int64
	free := make(chan struct{})
	s.fault = func(_ http.ResponseWriter, m string, _ int) bool {
		if m != "signatures/signHash" {
			return false
		}
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-free
		under.Add(-1)
		return false
	}
	t.Cleanup(func() { close(free) })
	for i, err := range many(k, 12) {
		if !errors.Is(err, seal.ErrUnavailable) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if most.Load() > 12 {
		t.Errorf("%d at a time", most.Load())
	}
}

func BenchmarkRemote(b *testing.B) {
	s := remote(b)
	s.multisign = 100
	k := open(b, s.config(b))
	before := s.count("signatures/signHash")
	b.SetParallelism(100)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := sign(k, "x"); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(s.count("signatures/signHash")-before), "signatures/call")
}
