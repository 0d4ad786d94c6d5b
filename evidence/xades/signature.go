package xades

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"

	"github.com/bode-erds/bode/evidence"
)

// signature is everything that a ds:Signature of ours says. Written by write,
// it has exactly one octet string.
type signature struct {
	id          string // what the Ids end in
	method      string
	docDigest   []byte
	propsDigest []byte
	value       []byte
	certs       []*x509.Certificate // leaf first
	signingTime string
	token       []byte // nil without a time-stamp of its own
}

// issuerSerial is IssuerSerial of RFC 5035, in DER.
func issuerSerial(c *x509.Certificate) ([]byte, error) {
	// GeneralNames with one directoryName [4]
	return asn1.Marshal(struct {
		Issuer []asn1.RawValue
		Serial *big.Int
	}{[]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: c.RawIssuer}}, c.SerialNumber})
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func attr(name, value string) evidence.Attr { return evidence.Attr{Name: name, Value: value} }

func digest(w *evidence.Canonical, d []byte) {
	w.Leaf("ds:DigestMethod", "", attr("Algorithm", algSHA256))
	w.Leaf("ds:DigestValue", b64(d))
}

// writeSignedInfo writes what is signed. XMLDSIG §4.4
func (s signature) writeSignedInfo(w *evidence.Canonical) {
	w.Open("ds:SignedInfo")
	w.Leaf("ds:CanonicalizationMethod", "", attr("Algorithm", algExcC14N))
	w.Leaf("ds:SignatureMethod", "", attr("Algorithm", s.method))
	w.Open("ds:Reference", attr("Id", "ref-"+s.id), attr("URI", ""))
	w.Open("ds:Transforms")
	w.Leaf("ds:Transform", "", attr("Algorithm", algEnveloped))
	w.Leaf("ds:Transform", "", attr("Algorithm", algExcC14N))
	w.Close("ds:Transforms")
	digest(w, s.docDigest)
	w.Close("ds:Reference")
	w.Open("ds:Reference", attr("Type", typeProps), attr("URI", "#props-"+s.id))
	w.Open("ds:Transforms")
	w.Leaf("ds:Transform", "", attr("Algorithm", algExcC14N))
	w.Close("ds:Transforms")
	digest(w, s.propsDigest)
	w.Close("ds:Reference")
	w.Close("ds:SignedInfo")
}

// writeValue writes what is time-stamped. EN 319 132-1 §5.3
func (s signature) writeValue(w *evidence.Canonical) {
	w.Leaf("ds:SignatureValue", b64(s.value), attr("Id", "value-"+s.id))
}

// writeProperties writes the signed properties: when, with which certificate,
// over what. EN 319 132-1 §5.2.1, §5.2.2, §5.2.4
func (s signature) writeProperties(w *evidence.Canonical) error {
	leaf := s.certs[0]
	serial, err := issuerSerial(leaf)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(leaf.Raw)
	w.Open("xades:SignedProperties", attr("Id", "props-"+s.id))
	w.Open("xades:SignedSignatureProperties")
	w.Leaf("xades:SigningTime", s.signingTime)
	w.Open("xades:SigningCertificateV2")
	w.Open("xades:Cert")
	w.Open("xades:CertDigest")
	digest(w, sum[:])
	w.Close("xades:CertDigest")
	w.Leaf("xades:IssuerSerialV2", b64(serial))
	w.Close("xades:Cert")
	w.Close("xades:SigningCertificateV2")
	w.Close("xades:SignedSignatureProperties")
	w.Open("xades:SignedDataObjectProperties")
	w.Open("xades:DataObjectFormat", attr("ObjectReference", "#ref-"+s.id))
	w.Leaf("xades:MimeType", mimeType)
	w.Close("xades:DataObjectFormat")
	w.Close("xades:SignedDataObjectProperties")
	w.Close("xades:SignedProperties")
	return nil
}

// bytes is the whole signature.
func (s signature) bytes() ([]byte, error) {
	w := new(evidence.Canonical)
	w.Open("ds:Signature", attr("Id", "sig-"+s.id))
	s.writeSignedInfo(w)
	s.writeValue(w)
	w.Open("ds:KeyInfo")
	w.Open("ds:X509Data")
	for _, c := range s.certs {
		w.Leaf("ds:X509Certificate", b64(c.Raw))
	}
	w.Close("ds:X509Data")
	w.Close("ds:KeyInfo")
	w.Open("ds:Object")
	w.Open("xades:QualifyingProperties", attr("Target", "#sig-"+s.id))
	if err := s.writeProperties(w); err != nil {
		return nil, err
	}
	w.Close("xades:QualifyingProperties")
	w.Close("ds:Object")
	w.Close("ds:Signature")
	if s.token == nil {
		return w.Bytes(), nil
	}
	return stamped(w.Bytes(), signatureEnd, s.token), nil
}

// What a signature ends in, with a time-stamp and without.
const (
	signatureEnd = "</xades:QualifyingProperties></ds:Object></ds:Signature>"
	stampBegin   = "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>" +
		`<ds:CanonicalizationMethod Algorithm="` + algExcC14N + `"></ds:CanonicalizationMethod><xades:EncapsulatedTimeStamp>`
	stampEnd    = "</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"
	unsignedEnd = "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
)

// stamped puts a time-stamp into signed, in front of its end. The prefixes are
// declared around it. EN 319 132-1 §5.3
func stamped(signed []byte, end string, token []byte) []byte {
	head := bytes.TrimSuffix(signed, []byte(end))
	return slices.Concat(head, []byte(stampBegin+b64(token)+stampEnd+unsignedEnd+end))
}
