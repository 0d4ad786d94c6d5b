package wallet

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// maxResponse is the longest encrypted answer, in octets.
const maxResponse = 256 << 10

// presented is the content of an answer.
type presented struct {
	Query string // which of our queries it answers
	Token string // the presentation
	Error string // the wallet's error code, instead
}

// decrypt opens an answer: encrypted to the key of this very request, directly,
// without compression. It is not signed; what it holds is.
//
// OpenID4VP 1.0 §8.3; RFC 7518 §4.6; HAIP 1.0 §5
func decrypt(b begun, compact string) (presented, error) {
	if len(compact) > maxResponse {
		return presented{}, errors.New("answer is too long")
	}
	jwe, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM, jose.A256GCM})
	if err != nil {
		return presented{}, errors.New("answer is not encrypted as we asked")
	}
	// A compressed one could grow without measure.
	if _, zip := jwe.Header.ExtraHeaders["zip"]; zip {
		return presented{}, errors.New("answer is compressed")
	}
	if jwe.Header.KeyID != keyID {
		return presented{}, errors.New("answer is encrypted to another key")
	}
	private, err := b.private()
	if err != nil {
		return presented{}, err
	}
	plain, err := jwe.Decrypt(private)
	if err != nil {
		return presented{}, errors.New("answer cannot be decrypted")
	}
	m, err := parseObject(plain)
	if err != nil {
		return presented{}, err
	}
	return readAnswer(b, m)
}

// readAnswer reads the parameters of an answer.
//
// OpenID4VP 1.0 §8.1, §8.5
func readAnswer(b begun, m map[string]any) (presented, error) {
	if !same(text(m, "state"), b.State) {
		return presented{}, errors.New("state is of another request")
	}
	if code, given := m["error"]; given {
		s, ok := code.(string)
		if !ok || s == "" || len(s) > 100 {
			return presented{}, errors.New("error is malformed")
		}
		return presented{Error: s}, nil
	}
	token, ok := m["vp_token"].(map[string]any)
	if !ok || len(token) != 1 {
		return presented{}, errors.New("vp_token is not an object with one answer")
	}
	for query, v := range token {
		list, _ := v.([]any)
		if query != querySDJWT && query != queryMDoc || len(list) != 1 {
			return presented{}, fmt.Errorf("vp_token answers %.40q, or more than once", query)
		}
		s, ok := list[0].(string)
		if !ok || s == "" {
			return presented{}, errors.New("presentation is no string")
		}
		return presented{Query: query, Token: s}, nil
	}
	return presented{}, errors.New("vp_token is empty")
}

// walletError is what an error code of a wallet means to us.
//
// OpenID4VP 1.0 §8.5
func walletError(code string) error {
	switch code {
	case "access_denied", "wallet_unavailable":
		return fmt.Errorf("%w: %s", ErrRefused, code)
	}
	return fmt.Errorf("%w: %.60q", ErrRequest, code)
}
