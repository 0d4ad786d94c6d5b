package pades

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cb "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/bode-erds/bode/evidence"
)

// checkRevocation judges the certificates of the seal, which was made at that
// time, and of its time-stamp, by v, which the file holds; and those of what is
// inside as far as v speaks of them. What is inside was verified, or nobody
// looked and xml is nil. EN 319 102-1 §5.2.6
func checkRevocation(r *evidence.Report, seal *evidence.CMS, v evidence.Validation, xml []byte, b evidence.Beside, at time.Time, t evidence.Trust) {
	if v.IsZero() {
		r.AddValidation(v)
		return
	}
	own, err := usesOf(seal.Signer, seal.Certificates, at, seal.Token, nil, t)
	var inside []evidence.Use
	if err == nil && xml != nil {
		inside, err = usesInside(xml, b, t)
	}
	if err != nil {
		r.Add(evidence.CheckRevocation, err)
		return
	}
	// Of a certificate that v speaks of, v holds the certificate.
	covered := slices.DeleteFunc(slices.Clone(inside), func(u evidence.Use) bool {
		return !slices.ContainsFunc(v.Certificates, func(der []byte) bool { return bytes.Equal(der, u.Certificates[0].Raw) })
	})
	if len(covered) < len(inside) {
		r.Leave(evidence.CheckRevocation, "no revocation data for all that is inside")
	}
	r.AddValidation(v, append(covered, own...)...)
}

// usesOf are the uses of certificates by a seal made at that time, and by those
// of its time-stamp tokens that are there, which were verified.
func usesOf(signer *x509.Certificate, all []*x509.Certificate, at time.Time, own, shared []byte, t evidence.Trust) ([]evidence.Use, error) {
	uses := []evidence.Use{{Certificates: append([]*x509.Certificate{signer}, all...), Roots: t.Seal, At: at}}
	for _, token := range [][]byte{own, shared} {
		if token == nil {
			continue
		}
		info, _, err := readToken(token)
		if err != nil {
			return nil, err
		}
		u, err := evidence.TokenUse(token, info.Time.UTC(), t)
		if err != nil {
			return nil, err
		}
		uses = append(uses, u)
	}
	return uses, nil
}

// usesInside are the uses by the seal of the XML, its time-stamp and its evidence
// record, those that there are. EN 319 132-1 §5.3
func usesInside(xml []byte, b evidence.Beside, t evidence.Trust) ([]evidence.Use, error) {
	certs, token, err := readSeal(xml)
	if err != nil {
		return nil, err
	}
	uses, err := usesOf(certs[0], certs[1:], time.Time{}, token, firstToken(b.Record), t)
	if err == nil && len(uses) < 2 {
		err = errors.New("no time-stamp inside")
	}
	if err != nil {
		return nil, err
	}
	uses[0].At = uses[1].At
	return uses, nil
}

// readSeal reads the certificates and the time-stamp of a seal that was verified.
func readSeal(signed []byte) (certs []*x509.Certificate, token []byte, err error) {
	for dec := xml.NewDecoder(bytes.NewReader(signed)); ; {
		tok, err := dec.Token()
		if err == io.EOF && len(certs) > 0 {
			return certs, token, nil
		} else if err != nil {
			return nil, nil, err
		}
		start, ok := tok.(xml.StartElement)
		if !ok || start.Name.Local != "X509Certificate" && start.Name.Local != "EncapsulatedTimeStamp" {
			continue
		}
		var text string
		if err := dec.DecodeElement(&text, &start); err != nil {
			return nil, nil, err
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, nil, err
		}
		if start.Name.Local == "EncapsulatedTimeStamp" {
			token = der
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, err
		}
		certs = append(certs, c)
	}
}

// firstToken is the time-stamp token that an evidence record began with, nil
// when there is none. RFC 4998 §3.1, §5.1
func firstToken(record []byte) []byte {
	in := cryptobyte.String(record)
	var body, chains, chain, stamp, token cryptobyte.String
	optional := func(s *cryptobyte.String, most uint8) bool {
		for n := range most + 1 {
			if !s.SkipOptionalASN1(explicit(n)) {
				return false
			}
		}
		return true
	}
	if in.ReadASN1(&body, cb.SEQUENCE) && skip(&body, cb.INTEGER, cb.SEQUENCE) && optional(&body, 1) &&
		body.ReadASN1(&chains, cb.SEQUENCE) && chains.ReadASN1(&chain, cb.SEQUENCE) && chain.ReadASN1(&stamp, cb.SEQUENCE) &&
		optional(&stamp, 2) && stamp.ReadASN1Element(&token, cb.SEQUENCE) {
		return token
	}
	return nil
}
