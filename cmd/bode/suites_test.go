package main

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestSuites: who offers only an old version or a mode without authentication is
// refused; what programs of today offer is taken.
func TestSuites(t *testing.T) {
	t.Parallel()
	var cards eidConfig
	cards.selfSigned(t, t.TempDir())
	conf, err := cards.tls()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		suites   []uint16
		min, max uint16
		taken    bool
	}{
		"1.3":             {nil, tls.VersionTLS13, tls.VersionTLS13, true},
		"1.2, GCM":        {[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, tls.VersionTLS12, tls.VersionTLS12, true},
		"1.2, ChaCha20":   {[]uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, tls.VersionTLS12, tls.VersionTLS12, true},
		"1.2, CBC":        {[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, tls.VersionTLS12, tls.VersionTLS12, false},
		"1.2, CBC, 256":   {[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}, tls.VersionTLS12, tls.VersionTLS12, false},
		"1.2, no secrecy": {[]uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, tls.VersionTLS12, tls.VersionTLS12, false},
		"1.1":             {nil, tls.VersionTLS10, tls.VersionTLS11, false},
	} {
		here, there := net.Pipe()
		ended := make(chan error, 1)
		go func() {
			err := tls.Server(there, conf).HandshakeContext(t.Context())
			there.Close()
			ended <- err
		}()
		err := tls.Client(here, &tls.Config{InsecureSkipVerify: true, CipherSuites: c.suites, MinVersion: c.min, MaxVersion: c.max}).HandshakeContext(t.Context())
		here.Close()
		if served := <-ended; (err == nil && served == nil) != c.taken {
			t.Errorf("%s: %v, %v", name, err, served)
		}
	}
}
