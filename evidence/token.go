package evidence

import "errors"

// VerifyToken verifies an RFC 3161 token (stub).
func VerifyToken(token, imprint []byte, t Trust) (TokenInfo, error) {
	return TokenInfo{}, errors.New("not written yet")
}
