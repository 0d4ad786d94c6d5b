package pades

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/xml"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
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

// readSource reads the first signature time-stamp, if the XML has one, and the
// first certificate. EN 319 132-1 §5.3
func readSource(a evidence.Attached) source {
	s := source{stampedAt: a.Stamp.Time, stampSerial: a.Stamp.Serial, authority: a.Stamp.Authority}
	dec := xml.NewDecoder(bytes.NewReader(a.XML))
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
				s.signer, s.signerSerial = called(cert.Subject), cert.SerialNumber.String()
			}
		case "EncapsulatedTimeStamp":
			if ts, by, err := readToken(octets(dec)); err == nil {
				s.stampedAt, s.stampSerial, s.authority = ts.Time.UTC(), ts.Serial.String(), by
			}
		}
	}
}

// tstInfo is what a time-stamp token says, as far as we print or compare it.
// RFC 3161 §2.4.2
type tstInfo struct {
	Version int
	Policy  asn1.ObjectIdentifier
	Imprint struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Serial *big.Int
	Time   time.Time `asn1:"generalized"`
}

// readToken reads a time-stamp token without judging it, and names who issued it.
func readToken(der []byte) (tstInfo, string, error) {
	var info tstInfo
	c, err := evidence.ParseCMS(der)
	if err != nil {
		return info, "", err
	}
	_, err = asn1.Unmarshal(c.Content, &info)
	return info, called(c.Signer.Subject), err
}

// called is a distinguished name as people read it: name, organisation, country.
func called(n pkix.Name) string {
	parts := append(append([]string{n.CommonName}, n.Organization...), n.Country...)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
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
