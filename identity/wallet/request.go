package wallet

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
)

// The ids of our two credential queries: either is enough.
const (
	querySDJWT = "pid_sd_jwt"
	queryMDoc  = "pid_mdoc"
)

const pidMDoc = "eu.europa.ec.eudi.pid.1" // docType and name space

// request is the payload of a signed request.
//
// OpenID4VP 1.0 §5, §8.3.1
type request struct {
	ClientID     string         `json:"client_id"`
	Audience     string         `json:"aud"`
	ResponseType string         `json:"response_type"`
	ResponseMode string         `json:"response_mode"`
	ResponseURI  string         `json:"response_uri"`
	Nonce        string         `json:"nonce"`
	State        string         `json:"state"`
	WalletNonce  string         `json:"wallet_nonce,omitempty"`
	Query        any            `json:"dcql_query"`
	Metadata     any            `json:"client_metadata"`
	VerifierInfo []VerifierInfo `json:"verifier_info,omitempty"`
}

// signedRequest is our request as a JWT under the access certificate. nonce is
// the wallet's own, empty when it sent none.
//
// RFC 9101 §4; OpenID4VP 1.0 §5, §5.8, §5.10; HAIP 1.0 §5
func (w *Wallet) signedRequest(b begun, nonce string) (string, error) {
	metadata, err := w.metadata(b)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(request{
		ClientID: b.ClientID, Audience: "https://self-issued.me/v2", ResponseType: "vp_token", ResponseMode: "direct_post.jwt",
		ResponseURI: b.ResponseURI, Nonce: b.Nonce, State: b.State, WalletNonce: nonce,
		Query: w.query(), Metadata: metadata, VerifierInfo: w.cfg.VerifierInfo,
	})
	if err != nil {
		return "", err
	}
	var chain []string
	for _, c := range w.cfg.Chain {
		chain = append(chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	header, err := json.Marshal(map[string]any{"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": chain})
	if err != nil {
		return "", err
	}
	return signES256(w.cfg.Key, toBase64(header)+"."+toBase64(payload))
}

// signES256 appends the signature of a key on P-256, wherever it is kept.
//
// RFC 7518 §3.4
func signES256(key crypto.Signer, message string) (string, error) {
	sum := sha256.Sum256([]byte(message))
	der, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("wallet: sign request: %w", err)
	}
	var sig struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &sig); err != nil || len(rest) > 0 {
		return "", fmt.Errorf("wallet: sign request: the key gave no signature")
	}
	raw := make([]byte, 64)
	sig.R.FillBytes(raw[:32])
	sig.S.FillBytes(raw[32:])
	return message + "." + toBase64(raw), nil
}

// metadata tells the wallet how to encrypt and what we can verify.
//
// OpenID4VP 1.0 §5.1, §8.3, §B.2.2, §B.3.4; HAIP 1.0 §5
func (w *Wallet) metadata(b begun) (any, error) {
	private, err := b.private()
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	key := map[string]string{"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": keyID,
		"x": toBase64(point[1:33]), "y": toBase64(point[33:])}
	jose, cose := []string{"ES256", "ES384", "ES512"}, []int{-7, -9, -35, -51, -36, -52}
	return map[string]any{
		"jwks": map[string]any{"keys": []any{key}},
		"encrypted_response_enc_values_supported": []string{"A128GCM", "A256GCM"},
		"vp_formats_supported": map[string]any{
			"dc+sd-jwt": map[string]any{"sd-jwt_alg_values": jose, "kb-jwt_alg_values": jose},
			"mso_mdoc":  map[string]any{"issuerauth_alg_values": cose, "deviceauth_alg_values": cose},
		},
	}, nil
}

// keyID names the one key of a request.
const keyID = "1"

// claimQuery asks one attribute.
type claimQuery struct {
	ID     string   `json:"id"`
	Path   []string `json:"path"`
	Retain *bool    `json:"intent_to_retain,omitempty"`
}

// query asks a PID in either format, and of it what we use: names, birth date,
// country, expiry, and the administrative number where the PID has one.
//
// OpenID4VP 1.0 §6, §6.2, §6.4.1, §15.4.2
func (w *Wallet) query() any {
	retain := true // a presentation is kept as evidence
	var sd, md []claimQuery
	for _, a := range w.attributes() {
		sd = append(sd, claimQuery{ID: a.id, Path: []string{a.sdjwt}})
		md = append(md, claimQuery{ID: a.id, Path: []string{pidMDoc, a.mdoc}, Retain: &retain})
	}
	credentials := []map[string]any{
		{"id": querySDJWT, "format": "dc+sd-jwt", "meta": map[string]any{"vct_values": w.cfg.Types}, "claims": sd, "claim_sets": w.claimSets()},
		{"id": queryMDoc, "format": "mso_mdoc", "meta": map[string]any{"doctype_value": pidMDoc}, "claims": md, "claim_sets": w.claimSets()},
	}
	return map[string]any{
		"credentials":     credentials,
		"credential_sets": []any{map[string]any{"options": [][]string{{querySDJWT}, {queryMDoc}}}},
	}
}

type attribute struct{ id, sdjwt, mdoc string }

// attributes are those we ask; the last only where the law allows us to.
func (w *Wallet) attributes() []attribute {
	all := []attribute{
		{"family", "family_name", "family_name"}, {"given", "given_name", "given_name"},
		{"birth", "birthdate", "birth_date"}, {"country", "issuing_country", "issuing_country"},
		{"expires", "date_of_expiry", "expiry_date"},
		{"number", "personal_administrative_number", "personal_administrative_number"},
	}
	if w.cfg.WithoutNumber {
		return all[:len(all)-1]
	}
	return all
}

// claimSets lists the combinations that serve, the fullest first: a PID without
// an administrative number is one, too.
func (w *Wallet) claimSets() [][]string {
	var all []string
	for _, a := range w.attributes() {
		all = append(all, a.id)
	}
	if w.cfg.WithoutNumber {
		return [][]string{all}
	}
	return [][]string{all, slices.Clone(all[:len(all)-1])}
}
