package seal_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence/seal"
)

// cscServer is a remote signing service as the CSC API v2 describes it: client
// credentials, authorization bound to the digests, several digests per call. It
// refuses what the specification lets it refuse, and breaks down on demand.
type cscServer struct {
	*httptest.Server
	key       crypto.Signer
	algos     []string
	raw       bool // ECDSA as r and s side by side
	multisign int
	pin       string
	change    func(info map[string]any)
	// fault may answer in the place of a method; n counts the calls of it.
	fault func(w http.ResponseWriter, method string, n int) bool
	// spoil may change what signHash returns.
	spoil func(sigs [][]byte) [][]byte
	stop  chan struct{} // closed at the end of the test

	mu     sync.Mutex
	chain  []*x509.Certificate
	tokens map[string]bool
	sads   map[string]authorization
	calls  map[string]int
	signed map[string]int // how often each digest was signed
	most   int            // digests in one call
}

// authorization is good for one call.
type authorization struct {
	hashes []string
	until  time.Time
}

func newCSC(t testing.TB, key crypto.Signer, chain ...*x509.Certificate) *cscServer {
	t.Helper()
	s := &cscServer{key: key, chain: chain, multisign: 10, tokens: map[string]bool{}, sads: map[string]authorization{},
		calls: map[string]int{}, signed: map[string]int{}, stop: make(chan struct{})}
	s.algos = []string{"1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12"}
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		s.algos = []string{"1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3"}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", s.method("token", s.token))
	for name, f := range map[string]func(map[string]any) (any, string){
		"credentials/info": s.info, "credentials/authorize": s.authorize, "signatures/signHash": s.signHash,
	} {
		mux.HandleFunc("POST /csc/v2/"+name, s.method(name, s.api(f)))
	}
	s.Server = httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // what is refused is part of the tests
	s.StartTLS()
	t.Cleanup(func() {
		close(s.stop)
		s.Close()
	})
	return s
}

// config is that of a client whom the server knows.
func (s *cscServer) config(t testing.TB, change ...func(*seal.RemoteConfig)) seal.Config {
	t.Helper()
	c := &seal.RemoteConfig{URL: s.URL + "/csc/v2", TokenURL: s.URL + "/oauth2/token", ClientID: "bode",
		SecretFile: write(t, "secret", []byte("hush & more=\n")), CredentialID: "seal-1", RootsFile: write(t, "roots.pem", encode(s.Certificate()))}
	if s.pin != "" {
		c.AuthFiles = map[string]string{"PIN": write(t, "pin", []byte(s.pin))}
	}
	for _, f := range change {
		f(c)
	}
	return seal.Config{Remote: c}
}

func (s *cscServer) method(name string, f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls[name]++
		n := s.calls[name]
		s.mu.Unlock()
		if s.fault != nil && s.fault(w, name, n) {
			return
		}
		f(w, r)
	}
}

func (s *cscServer) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]string{"error": code, "error_description": "as the test wants it"})
}

func (s *cscServer) token(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "service" ||
		r.PostFormValue("client_id") != "bode" || r.PostFormValue("client_secret") != "hush & more=" {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	s.mu.Lock()
	token := fmt.Sprint("token-", len(s.tokens))
	s.tokens[token] = true
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": 3600})
}

// revoke makes all tokens invalid.
func (s *cscServer) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.tokens {
		s.tokens[t] = false
	}
}

func (s *cscServer) api(f func(map[string]any) (any, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
			refuse(w, http.StatusUnauthorized, "invalid_token")
			return
		}
		var in map[string]any
		if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&in) != nil || in["credentialID"] != "seal-1" {
			refuse(w, http.StatusBadRequest, "invalid_request")
			return
		}
		out, code := f(in)
		if code != "" {
			refuse(w, http.StatusBadRequest, code)
			return
		}
		answer(w, http.StatusOK, out)
	}
}

func (s *cscServer) info(in map[string]any) (any, string) {
	if in["certificates"] != "chain" {
		return nil, "invalid_request"
	}
	var chain []string
	for _, c := range s.chain {
		chain = append(chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	out := map[string]any{"description": "test", "key": map[string]any{"status": "enabled", "algo": s.algos, "len": 256},
		"cert": map[string]any{"status": "valid", "certificates": chain}, "auth": map[string]any{"mode": "explicit", "objects": []any{}},
		"SCAL": "2", "multisign": s.multisign}
	if s.change != nil {
		s.change(out)
	}
	return out, ""
}

// digests reads the digests of a request.
func digests(in map[string]any) (all []string, size int) {
	size = map[string]int{"2.16.840.1.101.3.4.2.1": 32, "2.16.840.1.101.3.4.2.2": 48, "2.16.840.1.101.3.4.2.3": 64}[fmt.Sprint(in["hashAlgorithmOID"])]
	list, _ := in["hashes"].([]any)
	for _, v := range list {
		s, _ := v.(string)
		if b, err := base64.StdEncoding.DecodeString(s); err != nil || len(b) != size {
			return nil, 0
		}
		all = append(all, s)
	}
	return all, size
}

func (s *cscServer) authorize(in map[string]any) (any, string) {
	all, _ := digests(in)
	n, _ := in["numSignatures"].(float64)
	if len(all) == 0 || int(n) != len(all) || len(all) > s.multisign {
		return nil, "invalid_request"
	}
	var given string
	if list, ok := in["authData"].([]any); ok && len(list) == 1 {
		object, _ := list[0].(map[string]any)
		if object["id"] == "PIN" {
			given, _ = object["value"].(string)
		}
	}
	if given != s.pin {
		return nil, "invalid_pin"
	}
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	sad := hex.EncodeToString(random)
	s.sads[sad] = authorization{all, time.Now().Add(time.Minute)}
	return map[string]any{"SAD": sad, "expiresIn": 60}, ""
}

func (s *cscServer) signHash(in map[string]any) (any, string) {
	all, size := digests(in)
	sad, _ := in["SAD"].(string)
	a, known := s.sads[sad]
	delete(s.sads, sad)
	if !known || time.Now().After(a.until) || !slices.Equal(a.hashes, all) || !slices.Contains(s.algos, fmt.Sprint(in["signAlgo"])) {
		return nil, "invalid_request"
	}
	s.most = max(s.most, len(all))
	var sigs [][]byte
	for _, one := range all {
		s.signed[one]++
		digest, _ := base64.StdEncoding.DecodeString(one)
		sig, err := s.key.Sign(rand.Reader, digest, map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[size])
		if err != nil {
			return nil, "invalid_request"
		}
		if s.raw {
			sig = sideBySide(sig, s.key.Public().(*ecdsa.PublicKey))
		}
		sigs = append(sigs, sig)
	}
	if s.spoil != nil {
		sigs = s.spoil(sigs)
	}
	return map[string]any{"signatures": sigs}, ""
}

func sideBySide(der []byte, pub *ecdsa.PublicKey) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return nil
	}
	n := pub.Curve.Params().BitSize / 8
	return append(v.R.FillBytes(make([]byte, n)), v.S.FillBytes(make([]byte, n))...)
}

// huge is an answer that does not end in time.
func huge(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(`{"x":"`))
	for range 3 << 10 {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
			return
		}
	}
}
