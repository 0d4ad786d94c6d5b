package pades

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strconv"
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
	batch        bool   // the time-stamp is that of a batch
	log          string // name of the public log that has an entry of it, or empty
	index, size  int64  // of the entry, from 0; of the log when it proved it
}

// readSource reads the first certificate in the XML, and its first signature
// time-stamp unless a says what the time-stamp is. EN 319 132-1 §5.3
func readSource(a evidence.Attached) source {
	s := source{stampedAt: a.Stamp.Time, stampSerial: a.Stamp.Serial, authority: readable(a.Stamp.Authority), batch: a.Record != nil}
	s.readProof(a.Proof)
	if cert, err := x509.ParseCertificate(octets(a.XML, "X509Certificate")); err == nil {
		s.signer, s.signerSerial = called(cert.Subject), cert.SerialNumber.String()
	}
	if s.stampedAt.IsZero() {
		if ts, by, err := readToken(xmlToken(a.XML)); err == nil {
			s.stampedAt, s.stampSerial, s.authority = ts.Time.UTC(), ts.Serial.String(), by
		}
	}
	return s
}

// readProof reads where the log has it. https://c2sp.org/tlog-proof
func (s *source) readProof(proof []byte) {
	head, note, _ := strings.Cut(string(proof), "\n\n")
	origin, rest, _ := strings.Cut(note, "\n")
	size, _, _ := strings.Cut(rest, "\n")
	for line := range strings.Lines(head + "\n") {
		n, ok := strings.CutPrefix(line, "index ")
		if !ok {
			continue
		}
		i, err1 := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		z, err2 := strconv.ParseInt(size, 10, 64)
		if err1 == nil && err2 == nil && i >= 0 && i < z && origin != "" {
			s.log, s.index, s.size = origin, i, z
		}
		return
	}
}

// xmlToken is the first signature time-stamp in the XML, if there is one.
func xmlToken(doc []byte) []byte { return octets(doc, "EncapsulatedTimeStamp") }

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

// readable is called for a name in writing (RFC 4514). One that is not simple is
// left as it is.
func readable(dn string) string {
	var n pkix.Name
	for part := range strings.SplitSeq(dn, ",") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || strings.ContainsAny(value, `\+#`) {
			return dn
		}
		switch key {
		case "CN":
			n.CommonName = value
		case "O":
			n.Organization = append(n.Organization, value)
		case "C":
			n.Country = append(n.Country, value)
		}
	}
	if s := called(n); s != "" {
		return s
	}
	return dn
}

// octets decodes the base64 text of the first element of that local name. No
// text or attribute of canonical XML has an angle bracket that opens.
func octets(doc []byte, name string) []byte {
	for rest := doc; ; {
		before, behind, ok := bytes.Cut(rest, []byte(name))
		if !ok {
			return nil
		}
		rest = behind
		tag := before[bytes.LastIndexByte(before, '<')+1:]
		if len(tag) > 0 && (tag[len(tag)-1] != ':' || bytes.ContainsAny(tag, " />")) || bytes.IndexAny(behind, " >") != 0 {
			continue
		}
		_, text, _ := bytes.Cut(behind, []byte(">"))
		text, _, _ = bytes.Cut(text, []byte("<"))
		der := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(der, text)
		if err != nil {
			return nil
		}
		return der[:n]
	}
}
