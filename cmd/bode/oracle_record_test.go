package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recordStamped lets openssl check the first time-stamp of the evidence record
// beside an XML file. What it must be over is computed here, from the file, by
// RFC 4998 §4.3 alone.
func recordStamped(t *testing.T, path, tsa string) {
	t.Helper()
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	der, err := os.ReadFile(strings.TrimSuffix(path, ".xml") + ".ers")
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		Version    int
		Algorithms asn1.RawValue
		Chains     [][]struct {
			Algorithm asn1.RawValue `asn1:"optional,tag:0"`
			Reduced   [][][]byte    `asn1:"optional,tag:2"`
			Token     asn1.RawValue
		}
	}
	if rest, err := asn1.Unmarshal(der, &record); err != nil || len(rest) != 0 {
		t.Fatalf("%s: evidence record: %v", path, err)
	}
	first := record.Chains[0][0]
	sum := sha256.Sum256(doc)
	root := sum[:]
	for i, list := range first.Reduced {
		if has := slices.ContainsFunc(list, func(b []byte) bool { return bytes.Equal(b, root) }); i == 0 && !has {
			t.Fatalf("%s: its record is of another file", path)
		} else if !has {
			list = append(list, root)
		}
		if len(list) == 1 {
			continue
		}
		slices.SortFunc(list, bytes.Compare)
		next := sha256.Sum256(slices.Concat(list...))
		root = next[:]
	}
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, asStamped(t, first.Token.FullBytes))
	foreign(t, "openssl", "ts", "-verify", "-digest", hex.EncodeToString(root), "-in", token, "-token_in", "-CAfile", tsa)
}

// asStamped takes from a token the revocation data that were added later. They
// are outside of what the authority signed, and openssl ts reads no OCSP
// responses there (RFC 5652 §10.2.1, RFC 5940).
func asStamped(t *testing.T, token []byte) []byte {
	t.Helper()
	var info struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue // [0] EXPLICIT SignedData
	}
	var signed []asn1.RawValue
	_, err := asn1.Unmarshal(token, &info)
	if err == nil {
		_, err = asn1.Unmarshal(info.Content.Bytes, &signed)
	}
	if err != nil {
		t.Fatal(err)
	}
	signed = slices.DeleteFunc(signed, func(v asn1.RawValue) bool { return v.Class == asn1.ClassContextSpecific && v.Tag == 1 })
	content, err := asn1.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	info.Content = asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: content}
	b, err := asn1.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
