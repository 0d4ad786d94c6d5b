package submission

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
)

// decode undoes the transfer encoding (RFC 2045 §6).
func decode(encoding string, body io.Reader) (io.Reader, error) {
	switch encoding {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body), nil
	case "quoted-printable":
		return quotedprintable.NewReader(body), nil
	}
	return body, identityEncoding(encoding)
}

func identityEncoding(encoding string) error {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return nil
	}
	return refusal("unknown_encoding")
}

// checked notes that what was read was not encoded as it said. Whoever reads may
// wrap the error or lose it; that the vault failed is another matter, and the
// answer to it is to come back later. Where the stream itself broke, that is
// what counts in the end ([mail.fault]).
type checked struct {
	r   io.Reader
	bad *error
}

func (c checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		*c.bad = errMIME
		return n, errMIME
	}
	return n, err
}

// leftOver refuses octets behind the end of what was decoded: nobody would see
// them.
func leftOver(body io.Reader) error {
	rest := make([]byte, 1<<10)
	for {
		n, err := body.Read(rest)
		if len(bytes.TrimSpace(rest[:n])) > 0 {
			return errMIME
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errMIME
		}
	}
}
