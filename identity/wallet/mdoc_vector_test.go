package wallet

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// The session transcript that the standard prints, and both steps before it.
//
// OpenID4VP 1.0 §B.2.6.1
func TestPublishedTranscript(t *testing.T) {
	t.Parallel()
	sum, err := thumbprint(jwk(t, "DxiH5Q4Yx3UrukE2lWCErq8N8bqC9CHLLrAwLz5BmE0", "XtLM4-3h5o3HUH0MHVJV0kyq0iBlrBwlh8qEDMZ4-Pc"))
	if err != nil || hex.EncodeToString(sum) != "4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047" {
		t.Errorf("thumbprint %x, %v", sum, err)
	}
	got, err := session{Nonce: "exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA", ClientID: "x509_san_dns:example.com",
		ResponseURI: "https://example.com/response", Thumbprint: sum}.transcript()
	want := "83f6f682714f70656e494434565048616e646f7665725820048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac"
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("transcript %x, %v, want %s", got, err, want)
	}
}

// referenceVerifier is a Wallet that trusts what the reference verifier does.
func referenceVerifier(t testing.TB) *Wallet {
	t.Helper()
	w := &Wallet{cfg: Config{Types: []string{"urn:eudi:pid:1"}, Unrevocable: 24 * time.Hour}}
	p := Provider{Name: "reference", Country: "UT"}
	for rest := []byte(vector(t, "euver_anchors.pem")); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		p.Anchors = append(p.Anchors, c)
	}
	w.cfg.Providers = []Provider{p}
	return w
}

const mDL = "org.iso.18013.5.1.mDL"

// genuine is a driving licence that a real wallet presented to the reference
// verifier, with the request it answered.
func genuine(t testing.TB) (presentation string, s session, at time.Time) {
	t.Helper()
	sum, err := thumbprint(jwk(t, "rQARUEPijpGzfTIaZUv8G9h-09spX-J9mGXuEFyu06g", "PEFq_diAbJH2aUV57z0f9ngrbWikTCN7Pczg-VkQBXE"))
	if err != nil {
		t.Fatal(err)
	}
	return vector(t, "euver_mdl.txt"), session{Nonce: "706f6c4d-c92d-4472-9dbf-d814c94f90c2", ClientID: "Verifier",
		ResponseURI: "http://localhost:0/wallet/direct_post/1234567890", Thumbprint: sum}, time.Unix(1766135977, 0)
}

func licence(t testing.TB, w *Wallet, presentation string, s session, at time.Time) error {
	t.Helper()
	r, err := readDeviceResponse(presentation)
	if err != nil {
		return err
	}
	if len(r.Documents) != 1 {
		return errors.New("not one document")
	}
	_, err = checkLicence(w, r.Documents[0], s, at)
	return err
}

// checkLicence verifies everything of a licence; its name space is not called as
// its type is, so its attributes are read here.
func checkLicence(w *Wallet, d document, s session, at time.Time) (map[string]cbor.RawMessage, error) {
	_, err := w.verifyDocument(d, mDL, s, at)
	// The attributes of a person stand in another name space than a PID's.
	if err != nil && !strings.Contains(err.Error(), "family_name is missing") {
		return nil, err
	}
	m, err := readPayload(d)
	if err != nil {
		return nil, err
	}
	elements, err := m.elements("org.iso.18013.5.1", d.IssuerSigned.NameSpaces)
	if err == nil && elements["family_name"] == nil {
		err = errors.New("names nobody")
	}
	return elements, err
}

func readPayload(d document) (m security, err error) {
	inner, err := embedded(d.IssuerSigned.IssuerAuth.Payload)
	if err == nil {
		err = readCBOR(inner, &m)
	}
	return m, err
}

func TestPublishedLicence(t *testing.T) {
	t.Parallel()
	presentation, s, at := genuine(t)
	r, err := readDeviceResponse(presentation)
	if err != nil {
		t.Fatal(err)
	}
	elements, err := checkLicence(referenceVerifier(t), r.Documents[0], s, at)
	if err != nil || readElement(elements["family_name"]) != "Georgiou" {
		t.Errorf("family name %v, %v", readElement(elements["family_name"]), err)
	}
	if born, ok := plain(readElement(elements["birth_date"])); !ok || !birthDate.MatchString(born) {
		t.Errorf("birth date %q", born)
	}
}

// The genuine licence as the answer to another request, and at other times.
func TestPublishedLicenceElsewhere(t *testing.T) {
	t.Parallel()
	presentation, ours, now := genuine(t)
	w := referenceVerifier(t)
	for name, c := range map[string]struct {
		change func(*session)
		at     time.Time
		want   error
	}{
		"other nonce":    {func(s *session) { s.Nonce = "nonce" }, now, ErrPresentation},
		"other client":   {func(s *session) { s.ClientID = "x509_hash:Verifier" }, now, ErrPresentation},
		"other address":  {func(s *session) { s.ResponseURI = "http://localhost:0/wallet/direct_post/1234567891" }, now, ErrPresentation},
		"other key":      {func(s *session) { s.Thumbprint = bytes.Repeat([]byte{1}, 32) }, now, ErrPresentation},
		"not encrypted":  {func(s *session) { s.Thumbprint = nil }, now, ErrPresentation},
		"years later":    {func(*session) {}, now.AddDate(6, 0, 0), ErrCredential},
		"years too soon": {func(*session) {}, now.AddDate(-3, 0, 0), ErrCredential},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ours
			c.change(&s)
			if err := licence(t, w, presentation, s, c.at); !errors.Is(err, c.want) {
				t.Errorf("error = %v, want %v", err, c.want)
			}
		})
	}
}

// One bit of the genuine presentation changed, at places all over it.
func TestPublishedLicenceFlipped(t *testing.T) {
	t.Parallel()
	presentation, s, at := genuine(t)
	raw, err := unbase64(presentation)
	if err != nil {
		t.Fatal(err)
	}
	w := referenceVerifier(t)
	for i := 0; i < len(raw); i += 1 + i/40 {
		changed := bytes.Clone(raw)
		changed[i] ^= 1 << (i % 8)
		if err := licence(t, w, toBase64(changed), s, at); err == nil {
			t.Errorf("bit %d of octet %d does not matter", i%8, i)
		}
	}
}

// issued verifies what the issuer signed of a document, in its own name space.
func issued(w *Wallet, d document, at time.Time) error {
	chain, err := d.IssuerSigned.IssuerAuth.chain()
	if err != nil {
		return err
	}
	_, key, err := w.issuer(chain, at)
	if err != nil {
		return err
	}
	m, err := readSecurity(d.IssuerSigned.IssuerAuth, key)
	if err != nil {
		return err
	}
	if _, err := m.elements("", d.IssuerSigned.NameSpaces); err != nil {
		return err
	}
	_, err = w.checkValidity(m.ValidityInfo.Signed, m.ValidityInfo.ValidFrom, m.ValidityInfo.ValidUntil, at)
	return err
}

// Documents of the reference issuer without a request we know: a PID with a
// licence, three of which the last expired, and one of an issuer nobody knows.
func TestPublishedDocuments(t *testing.T) {
	t.Parallel()
	w := referenceVerifier(t)
	for _, c := range []struct {
		file string
		at   time.Time
		want []string // part of the error of each document
	}{
		{"euver_pid_mdl.txt", time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), []string{"", ""}},
		{"euver_three.txt", time.Date(2024, 10, 31, 22, 0, 0, 0, time.UTC), []string{"", "", "expired"}},
		{"euver_untrusted.txt", time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC), []string{"provider is not known"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			r, err := readDeviceResponse(vector(t, c.file))
			if err != nil || len(r.Documents) != len(c.want) {
				t.Fatalf("%d documents, %v", len(r.Documents), err)
			}
			for i, d := range r.Documents {
				err := issued(w, d, c.at)
				if c.want[i] == "" && err != nil || c.want[i] != "" && (err == nil || !strings.Contains(err.Error(), c.want[i])) {
					t.Errorf("document %d, %s: %v, want %q", i, d.DocType, err, c.want[i])
				}
			}
		})
	}
}
