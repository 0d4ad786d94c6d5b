package seal

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Object identifiers of algorithms. RFC 4055 §5, RFC 5758 §3
const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidEC  = "1.2.840.10045.2.1"
)

// Attempts at what may be repeated, and the pause after the first.
const (
	attempts   = 3
	retryPause = 200 * time.Millisecond
)

// credential is what credentials/info says, as far as we read it.
type credential struct {
	Key struct {
		Status string   `json:"status"`
		Algo   []string `json:"algo"`
	} `json:"key"`
	Cert struct {
		Status       string   `json:"status"`
		Certificates [][]byte `json:"certificates"` // base64 of DER, as Go reads octets
	} `json:"cert"`
	Auth struct {
		Mode string `json:"mode"`
	} `json:"auth"`
	Multisign int `json:"multisign"`
}

// check says whether the credential can sign unattended, and gives its chain
// without the root. Pinned, where given, must begin with the same certificate
// and is the chain then.
func (c credential) check(pinned []*x509.Certificate) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for _, der := range c.Cert.Certificates {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate of the credential: %w", ErrKey, err)
		}
		certs = append(certs, cert)
	}
	if n := len(certs); n > 1 && bytes.Equal(certs[n-1].RawSubject, certs[n-1].RawIssuer) {
		certs = certs[:n-1]
	}
	switch {
	case len(certs) == 0 || len(certs) > maxChain:
		return nil, fmt.Errorf("%w: the credential has %d certificates", ErrKey, len(certs))
	case c.Key.Status != "enabled":
		return nil, fmt.Errorf("%w: the key is not enabled", ErrKey)
	case c.Cert.Status != "" && c.Cert.Status != "valid":
		return nil, fmt.Errorf("%w: the service does not call its certificate valid", ErrKey)
	case c.Auth.Mode != "" && c.Auth.Mode != "explicit" && c.Auth.Mode != "implicit":
		return nil, fmt.Errorf("%w: a person has to authorize each signature", ErrKey)
	case len(pinned) > 0 && !pinned[0].Equal(certs[0]):
		return nil, fmt.Errorf("%w: the service shows another certificate", ErrKey)
	case len(pinned) > 0:
		certs = pinned
	}
	return certs, checkFit(certs[0].PublicKey, certs)
}

// info asks for the credential.
func (c *cscClient) info(ctx context.Context) (v credential, err error) {
	in := map[string]any{"credentialID": c.cfg.CredentialID, "certificates": "chain", "certInfo": true, "authInfo": true}
	err = c.repeat(ctx, func() error { return c.call(ctx, "credentials/info", in, &v) })
	return v, err
}

// sign has all digests signed in one call, in order. The call is repeated only
// when the service certainly signed nothing: it was never reached, or it said no
// before it began, as it does when an authorization or a token has run out.
func (c *cscClient) sign(ctx context.Context, h crypto.Hash, algo string, digests [][]byte) ([][]byte, error) {
	for last := false; ; last = true {
		sad, err := c.authorize(ctx, h, digests)
		if err != nil {
			return nil, err
		}
		in := map[string]any{"credentialID": c.cfg.CredentialID, "SAD": sad, "hashes": digests,
			"hashAlgorithmOID": hashOID(h), "signAlgo": algo, "operationMode": "S"}
		var out struct {
			Signatures [][]byte `json:"signatures"`
		}
		err = c.call(ctx, "signatures/signHash", in, &out)
		if err == nil {
			return out.Signatures, nil
		}
		if last || !errors.Is(err, errUntouched) {
			return nil, err
		}
		c.log.Warn("seal: remote signing repeated", "error", err)
	}
}

// authorize gets the signature activation data for exactly these digests. It
// signs nothing, so it is repeated; but means of authorization that were once
// refused are never shown again, lest the service lock them.
func (c *cscClient) authorize(ctx context.Context, h crypto.Hash, digests [][]byte) (string, error) {
	in := map[string]any{"credentialID": c.cfg.CredentialID, "numSignatures": len(digests), "hashes": digests, "hashAlgorithmOID": hashOID(h)}
	if c.barred.Load() {
		return "", fmt.Errorf("%w: by the remote service, earlier", ErrPIN)
	}
	if len(c.auth) > 0 {
		in["authData"] = c.auth
	}
	var out struct {
		SAD string `json:"SAD"`
	}
	err := c.repeat(ctx, func() error { return c.call(ctx, "credentials/authorize", in, &out) })
	if errors.Is(err, ErrPIN) {
		c.barred.Store(true)
	}
	if err == nil && out.SAD == "" {
		err = fmt.Errorf("%w: no authorization", ErrUnavailable)
	}
	return out.SAD, err
}

// repeat repeats what changes nothing. A refusal is final, except of a token that
// ran out.
func (c *cscClient) repeat(ctx context.Context, f func() error) error {
	pause := retryPause
	for n := 1; ; n++ {
		err := f()
		if err == nil || n == attempts || errors.Is(err, ErrPIN) || errors.Is(err, ErrRefused) && !errors.Is(err, errToken) {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return err
		}
	}
}

// hashOID names a digest. RFC 5754 §2
func hashOID(h crypto.Hash) string {
	return map[crypto.Hash]string{crypto.SHA256: "2.16.840.1.101.3.4.2.1", crypto.SHA384: "2.16.840.1.101.3.4.2.2",
		crypto.SHA512: "2.16.840.1.101.3.4.2.3"}[h]
}

// signAlgo picks the name of the algorithm that the service lists for its key:
// that of key and digest together, else that of the key.
func signAlgo(pub crypto.PublicKey, h crypto.Hash, listed []string) (string, error) {
	both := map[crypto.Hash]string{crypto.SHA256: "1.2.840.113549.1.1.11", crypto.SHA384: "1.2.840.113549.1.1.12", crypto.SHA512: "1.2.840.113549.1.1.13"}[h]
	bare := oidRSA
	if _, ok := pub.(*ecdsa.PublicKey); ok {
		both = map[crypto.Hash]string{crypto.SHA256: "1.2.840.10045.4.3.2", crypto.SHA384: "1.2.840.10045.4.3.3", crypto.SHA512: "1.2.840.10045.4.3.4"}[h]
		bare = oidEC
	}
	switch {
	case slices.Contains(listed, both):
		return both, nil
	case slices.Contains(listed, bare) && bare == oidRSA:
		return bare, nil
	case slices.Contains(listed, bare):
		return both, nil // a key type alone names no signature
	}
	return "", fmt.Errorf("%w: the service does not list %s", ErrKey, both)
}

// asDER gives an ECDSA signature as ASN.1. Services return that, or r and s side
// by side; which of the two it is, the digest decides.
func asDER(pub crypto.PublicKey, h crypto.Hash, digest, sig []byte) []byte {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok || verify(pub, h, digest, sig) == nil {
		return sig
	}
	n := (k.Curve.Params().BitSize + 7) / 8
	if len(sig) != 2*n {
		return sig
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])})
	if err != nil {
		return sig
	}
	return der
}

// authObject is one means of authorization, as credentials/authorize takes it.
type authObject struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// readAuth reads the means of authorization, in a fixed order.
func readAuth(files map[string]string) ([]authObject, error) {
	var all []authObject
	for id, file := range files {
		value, err := readSecret(file)
		if err != nil {
			return nil, err
		}
		all = append(all, authObject{id, value})
	}
	slices.SortFunc(all, func(a, b authObject) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}
