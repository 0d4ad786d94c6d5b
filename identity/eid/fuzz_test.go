package eid

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
)

// FuzzToken: whatever a browser sends, parsing and checking end, and nobody gets
// in who changed anything that counts.
func FuzzToken(f *testing.F) {
	c := constants(f)
	for _, s := range c {
		f.Add(s, c["VALID_CHALLENGE_NONCE"])
	}
	valid := c["VALID_AUTH_TOKEN"]
	var good map[string]string
	if err := json.Unmarshal([]byte(valid), &good); err != nil {
		f.Fatal(err)
	}
	v := vectorVerifier(f, pinned(f, "TEST_of_ESTEID2018"), "1.3.6.1.4.1.51361.1.2.1")
	f.Fuzz(func(t *testing.T, raw, nonce string) {
		token, err := parseToken(raw)
		if err != nil {
			return
		}
		if _, err := v.token(token, estonian, nonce, day("2021-08-01")); err != nil {
			return
		}
		if base64.StdEncoding.EncodeToString(token.certificate.Raw) != good["unverifiedCertificate"] || nonce != c["VALID_CHALLENGE_NONCE"] {
			t.Errorf("somebody else got in: %.200s", raw)
		}
	})
}

// FuzzOCSP: no answer but the official one, or one with the same signed part,
// passes.
func FuzzOCSP(f *testing.F) {
	for _, name := range []string{"", "_revoked", "_unknown", "_with_2_responder_certs", "_with_2_responses"} {
		f.Add(vectorFile(f, "ocsp_response"+name+".der"))
	}
	der, err := base64.StdEncoding.DecodeString(constants(f)["JAAK_KRISTJAN_ESTEID2018_CERT"])
	if err != nil {
		f.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		f.Fatal(err)
	}
	issuer := vectorCA(f, "TEST_of_ESTEID2018")
	strict := StrictOCSP{MaxAge: 2 * time.Minute, Skew: 15 * time.Minute}
	then := time.Date(2021, 9, 17, 18, 25, 24, 0, time.UTC)
	good := vectorFile(f, "ocsp_response.der")
	signed := good[30:200]
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := strict.Check(b, leaf, issuer, nil, then); err == nil && !bytes.Contains(b, signed) {
			t.Errorf("passes: %x", b)
		}
	})
}

// FuzzArtefact: what an auditor feeds in.
func FuzzArtefact(f *testing.F) {
	v := vectorVerifier(f, pinned(f, "TEST_of_ESTEID2018"), "1.3.6.1.4.1.51361.1.2.1")
	f.Add([]byte(`{"kind":"x509","chain":["AA=="],"ocsp":"AA=="}`))
	f.Add([]byte(`{"kind":"web-eid","token":"{}","nonce":"iMeEwP2cgUINY2XoO/lqEpOUn7z/ysHRqGXkGKC4VXE=","origin":"https://ria.ee"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := v.Reverify(b, day("2021-08-01")); err == nil {
			t.Errorf("passes: %s", b)
		}
	})
}
