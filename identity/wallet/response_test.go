package wallet

import (
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The encrypted response of the standard, opened with the key that it prints. Its
// kid is "ac", so it is opened below decrypt, which accepts only ours.
//
// OpenID4VP 1.0 §8.3
func TestPublishedResponse(t *testing.T) {
	t.Parallel()
	d, err := unbase64("Et-3ce0omz8_TuZ96Df9lp0GAaaDoUnDe6X-CRO7Aww")
	if err != nil {
		t.Fatal(err)
	}
	key, err := begun{Key: d}.private()
	if err != nil {
		t.Fatal(err)
	}
	compact := vector(t, "openid4vp_response.txt")
	jwe, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM, jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jwe.Decrypt(key)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseObject(plain)
	if got, _ := json.Marshal(m); err != nil || string(got) != `{"vp_token":{"example_credential_id":["eyJhb...YMetA"]}}` {
		t.Errorf("content %s, %v", got, err)
	}
	if _, err := decrypt(begun{Key: d, State: "x"}, compact); err == nil {
		t.Error("decrypt accepted another kid than ours")
	}
}
