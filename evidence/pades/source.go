package pades

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"io"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
)

// source is what the signed XML says of its own seal, for printing. It is read,
// not verified: the engine verifies the XML before a PDF is made of it, and a
// reader verifies it again.
type source struct {
	stampedAt    time.Time // zero when the XML has no time-stamp
	stampSerial  string
	authority    string
	signer       string
	signerSerial string
}

// readSource reads the first signature time-stamp and the first certificate.
// EN 319 132-1 §5.3
func readSource(doc []byte) (s source) {
	dec := xml.NewDecoder(bytes.NewReader(doc))
	for {
		tok, err := dec.Token()
		if err != nil {
			return s
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "X509Certificate":
			if cert, err := x509.ParseCertificate(octets(dec)); err == nil && s.signer == "" {
				s.signer, s.signerSerial = cert.Subject.String(), cert.SerialNumber.String()
			}
		case "EncapsulatedTimeStamp":
			if ts, err := timestamp.Parse(octets(dec)); err == nil && s.stampedAt.IsZero() {
				s.stampedAt, s.stampSerial = ts.Time.UTC(), ts.SerialNumber.String()
				if len(ts.Certificates) > 0 {
					s.authority = ts.Certificates[0].Subject.String()
				}
			}
		}
	}
}

// octets decodes the base64 text that follows.
func octets(dec *xml.Decoder) []byte {
	tok, err := dec.Token()
	if err != nil && err != io.EOF {
		return nil
	}
	text, _ := tok.(xml.CharData)
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		return nil
	}
	return der
}
