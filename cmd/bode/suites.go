package main

import (
	"crypto/tls"
	"strings"
)

// answering is how we answer TLS on addresses of ours that programs and cards reach
// without a proxy: 1.2 with authenticated modes and forward secrecy, or 1.3.
//
// RFC 9325 §4.2
func answering(pair tls.Certificate) *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	for _, s := range tls.CipherSuites() {
		if strings.Contains(s.Name, "_ECDHE_") && (strings.Contains(s.Name, "_GCM_") || strings.Contains(s.Name, "_CHACHA20_")) {
			c.CipherSuites = append(c.CipherSuites, s.ID) // those of 1.3 are not chosen here
		}
	}
	return c
}
