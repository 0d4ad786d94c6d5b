package asic

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"

	"github.com/bode-erds/bode/evidence"
)

// reference is one line of the manifest.
type reference struct {
	name, mediaType string
	digest          []byte
}

// writeManifest lists every file that the signature is about. EN 319 162-1 §A.4
func writeManifest(refs []reference) []byte {
	return write(refs, evidence.Attr{Name: "MimeType", Value: "application/pkcs7-signature"},
		evidence.Attr{Name: "URI", Value: signatureName})
}

// writeRecordManifest says that the evidence record of that number is about one
// file. There is no media type for records. EN 319 162-1 §4.4.3.2, §A.4
func writeRecordManifest(seq int, ref reference) []byte {
	return write([]reference{ref}, evidence.Attr{Name: "URI", Value: fmt.Sprintf("%s%03d%s", recordName, seq, evidence.RecordSuffix)})
}

func write(refs []reference, proof ...evidence.Attr) []byte {
	w := new(evidence.Canonical)
	w.Open("asic:ASiCManifest")
	w.Leaf("asic:SigReference", "", proof...)
	for _, r := range refs {
		w.Open("asic:DataObjectReference", evidence.Attr{Name: "MimeType", Value: r.mediaType}, evidence.Attr{Name: "URI", Value: r.name})
		w.Leaf("ds:DigestMethod", "", evidence.Attr{Name: "Algorithm", Value: "http://www.w3.org/2001/04/xmlenc#sha256"})
		w.Leaf("ds:DigestValue", base64.StdEncoding.EncodeToString(r.digest))
		w.Close("asic:DataObjectReference")
	}
	w.Close("asic:ASiCManifest")
	return w.Bytes()
}

// readManifest reads what writeManifest wrote and nothing else.
func readManifest(doc []byte) ([]reference, error) {
	var x struct {
		Refs []struct {
			URI      string `xml:"URI,attr"`
			MimeType string `xml:"MimeType,attr"`
			Digest   string `xml:"DigestValue"`
		} `xml:"DataObjectReference"`
	}
	if err := xml.Unmarshal(doc, &x); err != nil {
		return nil, err
	}
	var refs []reference
	for _, r := range x.Refs {
		digest, err := base64.StdEncoding.Strict().DecodeString(r.Digest)
		if err != nil {
			return nil, err
		}
		refs = append(refs, reference{r.URI, r.MimeType, digest})
	}
	if !bytes.Equal(writeManifest(refs), doc) {
		return nil, errors.New("manifest is not built as ours are")
	}
	return refs, nil
}
