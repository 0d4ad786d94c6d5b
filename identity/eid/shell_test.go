package eid_test

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"testing"
)

// rawSignature writes openssl's signature as cards do.
func rawSignature(t testing.TB, der []byte, size int) []byte {
	t.Helper()
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		t.Fatal(err)
	}
	return append(rs.R.FillBytes(make([]byte, size)), rs.S.FillBytes(make([]byte, size))...)
}

// token writes what Web eID would, by hand.
func (s *shop) token(c *x509.Certificate, signature []byte) string {
	return fmt.Sprintf(`{"unverifiedCertificate":%q,"algorithm":"ES384","signature":%q,"format":"web-eid:1.0","appVersion":"https://web-eid.eu/web-eid-app/releases/2.5.0+0"}`,
		base64.StdEncoding.EncodeToString(c.Raw), base64.StdEncoding.EncodeToString(signature))
}
