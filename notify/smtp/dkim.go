package smtp

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// DKIMKey signs mails under a selector of the domain they come from. With one RSA
// key and one of Ed25519 every receiver finds a signature that it knows (RFC 8463
// §4, RFC 8301 §3.2).
type DKIMKey struct {
	Selector string
	Key      crypto.Signer // RSA of at least 2048 bits, or Ed25519
}

var selectorForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// LoadDKIMKey reads a private key in PEM (PKCS #8 or PKCS #1). Errors: ErrConfig
// for another kind of key, an RSA key under 2048 bits, or a file that others can
// read; or those of reading.
func LoadDKIMKey(selector, path string) (DKIMKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return DKIMKey{}, err
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		return DKIMKey{}, fmt.Errorf("%w: %s can be read by others: chmod 600", ErrConfig, path)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return DKIMKey{}, fmt.Errorf("%w: no PEM in %s", ErrConfig, path)
	}
	var key any
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return DKIMKey{}, fmt.Errorf("%w: no private key in %s", ErrConfig, path)
	}
	k := DKIMKey{Selector: selector, Key: signer}
	return k, k.validate()
}

func (k DKIMKey) validate() error {
	if !selectorForm.MatchString(k.Selector) {
		return fmt.Errorf("%w: DKIM selector %q", ErrConfig, k.Selector)
	}
	if k.Key == nil {
		return fmt.Errorf("%w: DKIM selector %s has no key", ErrConfig, k.Selector)
	}
	switch public := k.Key.Public().(type) {
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if public.N.BitLen() >= 2048 {
			return nil
		}
	}
	return fmt.Errorf("%w: DKIM key %s is neither RSA of 2048 bits nor Ed25519", ErrConfig, k.Selector)
}

// Record is the name and the value of the DNS TXT record that lets others verify
// (RFC 6376 §3.6.1; RFC 8463 §4).
func (k DKIMKey) Record(domain string) (name, value string) {
	kind, public := "ed25519", []byte(nil)
	switch p := k.Key.Public().(type) {
	case ed25519.PublicKey:
		public = p
	case *rsa.PublicKey:
		kind = "rsa"
		public, _ = x509.MarshalPKIXPublicKey(p) // an RSA key never fails
	}
	return k.Selector + "._domainkey." + domain, "v=DKIM1; k=" + kind + "; h=sha256; s=email; p=" + base64.StdEncoding.EncodeToString(public)
}

// signedFields are the fields that signatures cover. Those named once more than a
// mail has them cannot be added on the way either (RFC 6376 §5.4.2, §8.15).
func signedFields() []string {
	return []string{
		"From", "From", "To", "To", "Subject", "Subject", "Date", "Date", "Reply-To", "Cc",
		"Message-ID", "Message-ID", "MIME-Version", "MIME-Version", "Content-Type", "Content-Type",
		"Auto-Submitted", "Content-Language", "X-Auto-Response-Suppress", "X-Bode-Kind", "X-Bode-Notice",
	}
}

// sign puts one signature per key in front of a mail; each covers the mail without
// the others.
func (t *Transport) sign(mail []byte) ([]byte, error) {
	if len(t.cfg.DKIM) == 0 {
		return mail, nil
	}
	var out bytes.Buffer
	for _, k := range t.cfg.DKIM {
		s, err := dkim.NewSigner(&dkim.SignOptions{
			Domain: t.domain, Selector: k.Selector, Signer: k.Key, Hash: crypto.SHA256, HeaderKeys: signedFields(),
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		})
		if err != nil {
			return nil, fmt.Errorf("smtp: DKIM %s: %w", k.Selector, err)
		}
		if _, err := io.Copy(s, bytes.NewReader(mail)); err != nil {
			s.Close()
			return nil, fmt.Errorf("smtp: DKIM %s: %w", k.Selector, err)
		}
		if err := s.Close(); err != nil {
			return nil, fmt.Errorf("smtp: DKIM %s: %w", k.Selector, err)
		}
		out.WriteString(s.Signature())
	}
	out.Write(mail)
	return out.Bytes(), nil
}

// signatures names the keys that sign, as others find them.
func (t *Transport) signatures() []string {
	var names []string
	for _, k := range t.cfg.DKIM {
		names = append(names, strings.ToLower(k.Selector+"._domainkey."+t.domain))
	}
	return names
}
