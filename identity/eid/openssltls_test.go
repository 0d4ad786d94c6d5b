package eid_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestOpenSSLClient shows a card by the TLS of openssl.
func TestOpenSSLClient(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a := authority(t)
	h := startHost(t, a)
	card := issue(t, a, ann())
	s.write("card.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: card.Certificate.Raw}))
	s.write("citizen.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Citizen.Raw}))
	s.write("host.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.root}))
	key, err := x509.MarshalPKCS8PrivateKey(card.Key)
	if err != nil {
		t.Fatal(err)
	}
	s.write("card.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	where := strings.TrimPrefix(h.address, "https://")
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		c := h.wait(t)
		form := "key=" + c.Key
		request := fmt.Appendf(nil, "POST /card HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
			where, origin, len(form), form)
		out := s.run(request, "openssl", "s_client", "-connect", where, version, "-quiet", "-ign_eof", "-CAfile", "host.pem", "-verify_return_error",
			"-cert", "card.pem", "-key", "card.key", "-cert_chain", "citizen.pem")
		if !bytes.HasPrefix(out, []byte("HTTP/1.1 303 ")) || !bytes.Contains(out, []byte("Location: "+origin+"/identify/1\r\n")) {
			t.Errorf("%s: %s", version, out)
		}
		if p, err := h.finish(t, c, time.Now()); err != nil || p.Family != ann().Family {
			t.Error(version, err)
		}
	}
}
