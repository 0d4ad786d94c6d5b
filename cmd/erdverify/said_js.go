package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
)

// said is r with the name of its file, its verdict and its words.
func (r result) said(file, lang string) result {
	r.File, r.Verdict = file, r.Report.Verdict(lang)
	words := tell(r, lang)
	r.Words = &words
	return r
}

// anchor is a certificate that was believed.
type anchor struct {
	Use     string `json:"use"` // "seal" or "timestamp"
	Subject string `json:"subject"`
	SHA256  string `json:"sha256"`
}

// anchorsOf lists the certificates of a PEM file.
func anchorsOf(use string, file []byte) (list []anchor) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // it is not believed either
		}
		sum := sha256.Sum256(c.Raw)
		list = append(list, anchor{use, c.Subject.String(), hex.EncodeToString(sum[:])})
	}
	return list
}
