package wallettest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// query is one credential query.
type query struct {
	ID     string         `json:"id"`
	Format string         `json:"format"`
	Meta   map[string]any `json:"meta"`
	Claims []struct {
		ID     string   `json:"id"`
		Path   []string `json:"path"`
		Retain *bool    `json:"intent_to_retain"`
	} `json:"claims"`
	Sets [][]string `json:"claim_sets"`
}

// read reads what is asked and how to encrypt the answer.
func (r *Request) read() error {
	raw, err := json.Marshal(r.Payload)
	if err != nil {
		return err
	}
	var p struct {
		Query struct {
			Credentials []query `json:"credentials"`
			Sets        []struct {
				Options [][]string `json:"options"`
			} `json:"credential_sets"`
		} `json:"dcql_query"`
		Metadata struct {
			Keys struct {
				Keys []map[string]any `json:"keys"`
			} `json:"jwks"`
			Encryptions []string       `json:"encrypted_response_enc_values_supported"`
			Formats     map[string]any `json:"vp_formats_supported"`
		} `json:"client_metadata"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("wallettest: request: %w", err)
	}
	m := p.Metadata
	if len(m.Keys.Keys) != 1 || m.Keys.Keys[0]["alg"] != "ECDH-ES" || m.Keys.Keys[0]["kid"] == nil || m.Keys.Keys[0]["d"] != nil {
		return errors.New("wallettest: request offers no key for the answer")
	}
	if !slices.Contains(m.Encryptions, "A128GCM") || !slices.Contains(m.Encryptions, "A256GCM") || len(m.Formats) == 0 {
		return errors.New("wallettest: metadata is not what HAIP asks")
	}
	r.key, r.encryptions, r.queries = m.Keys.Keys[0], m.Encryptions, p.Query.Credentials
	for _, q := range r.queries {
		if q.Format == FormatSDJWT {
			for _, c := range q.Claims {
				r.Asked = append(r.Asked, c.Path[len(c.Path)-1])
			}
		}
	}
	return nil
}

// ask is the query for a format, and the attributes of its first claim set that
// the holder has.
//
// OpenID4VP 1.0 §6.4.1
func (r *Request) ask(format string, has func(string) bool) (q query, names []string, err error) {
	n := slices.IndexFunc(r.queries, func(q query) bool { return q.Format == format })
	if n < 0 {
		return query{}, nil, errors.New("wallettest: format is not asked")
	}
	q = r.queries[n]
	for _, set := range q.Sets {
		names = names[:0]
		for _, c := range q.Claims {
			if name := c.Path[len(c.Path)-1]; slices.Contains(set, c.ID) && has(name) {
				names = append(names, name)
			}
		}
		if len(names) == len(set) {
			return q, names, nil
		}
	}
	return query{}, nil, errors.New("wallettest: no PID satisfies the request")
}

// transcript is the session transcript of an mdoc.
//
// OpenID4VP 1.0 §B.2.6.1
func (r *Request) transcript(f Fault) ([]byte, error) {
	client, nonce, address := r.clientID, r.nonce, r.responseURI
	// RFC 7638 §3: names in the order of the alphabet.
	print := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, r.key["x"], r.key["y"]))
	switch f {
	case OtherNonce:
		nonce = rand.Text()
	case OtherAudience:
		client = "x509_san_dns:verifier.example.org"
	case BareAudience:
		_, client, _ = strings.Cut(client, ":")
	case OtherAddress:
		address = "https://verifier.example.org/wallet/response/1"
	case OtherKey:
		print[0] ^= 1
	}
	info, err := cbor.Marshal([]any{client, nonce, print[:], address})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info)
	return cbor.Marshal([]any{nil, nil, []any{"OpenID4VPHandover", sum[:]}})
}
