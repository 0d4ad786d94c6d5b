package identitytest

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/text/encoding/charmap"
)

const (
	claimTemplate = claimPrefix + "claim_approval_template_name"
	claimText     = claimPrefix + "claim_approval_text_key"
	longestText   = 7500 // characters
)

// confirming is the request with what its request object says: nested in an
// encryption to us is what the client signed, which replaces what stands in the
// address and must not contradict it.
//
// OpenID Connect Core 1.0 §6.1
func (p *Provider) confirming(ctx context.Context, q url.Values, client Client) (params url.Values, code, detail string) {
	sealed := q.Get("request")
	if sealed == "" {
		return q, "", ""
	}
	const bad = "invalid_request_object"
	jwe, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A128CBC_HS256})
	if err != nil || jwe.Header.KeyID != encryptionKeyID {
		return nil, bad, "not encrypted to this provider"
	}
	open, err := p.open()
	if err != nil {
		return nil, "server_error", "key"
	}
	signed, err := jwe.Decrypt(open)
	if err != nil {
		return nil, bad, "does not decrypt"
	}
	jws, err := jose.ParseSignedCompact(string(signed), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, bad, "not signed RS256"
	}
	keys, err := p.clientKeys(ctx, client)
	if err != nil || !signedByOne(jws, keys) {
		return nil, bad, "signature"
	}
	var said map[string]any
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &said); err != nil {
		return nil, bad, "claims"
	}
	expiry, _ := said["exp"].(float64)
	if said["iss"] != client.ID || said["aud"] != p.issuer || int64(expiry) <= p.cfg.Now().Unix() {
		return nil, bad, "iss, aud or exp"
	}
	params = url.Values{"request": {sealed}}
	for name, value := range said {
		text, ok := value.(string)
		if !ok {
			b, _ := json.Marshal(value)
			text = string(b)
		}
		if q.Has(name) && q.Get(name) != text {
			return nil, "invalid_request", name + " differs from the request object"
		}
		params.Set(name, text)
	}
	return params, "", ""
}

// approval is the text that is to be approved.
func approval(asked map[string]json.RawMessage) (text, code, detail string) {
	var template, shown struct {
		Value     string `json:"value"`
		Essential bool   `json:"essential"`
	}
	if json.Unmarshal(asked[claimTemplate], &template) != nil || json.Unmarshal(asked[claimText], &shown) != nil {
		return "", "invalid_request", "no approval template or text"
	}
	_, err := charmap.ISO8859_15.NewEncoder().String(shown.Value)
	switch {
	case template.Value != "free_text" || !template.Essential || !shown.Essential || strings.TrimSpace(shown.Value) == "":
		return "", "invalid_request", "template is not free_text, or there is no text"
	case utf8.RuneCountInString(shown.Value) > longestText, err != nil:
		return "", "invalid_request", "text is too long or has characters that cannot be shown"
	}
	return shown.Value, "", ""
}

// lines is the text as the page shows it.
func (r *request) lines() []string {
	if r.text == "" {
		return nil
	}
	return slices.Collect(strings.SplitSeq(r.text, "<br>"))
}
