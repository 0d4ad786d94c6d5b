package evidence

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Bounds of an evidence document, signature included: its octets, and its tags,
// which take many times their length in memory.
const (
	maxXML  = 4 << 20
	maxTags = 1 << 16
)

// ReadXML reads unsigned evidence back into the document it was made of and
// refuses, with [ErrDocument], whatever [Prepare] would not have given: other
// bytes, a broken rule, an event whose recorded hash is not its own. History
// is not in the XML and stays empty.
func ReadXML(doc []byte) (Document, error) {
	d, err := readXML(doc)
	if err != nil {
		return Document{}, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return d, nil
}

func readXML(doc []byte) (Document, error) {
	if len(doc) > maxXML || bytes.Count(doc, []byte("<")) > maxTags {
		return Document{}, errors.New("too long")
	}
	d, err := rebuildXML(doc)
	if err != nil {
		if found := lintXML(doc); len(found) > 0 {
			err = fmt.Errorf("%w: %w", &LintError{found}, err)
		}
		return Document{}, err
	}
	return d, nil
}

// rebuildXML prepares what doc says again. That lints it, recomputes the hash of
// the event, and gives the same bytes only if nothing else was in the document.
func rebuildXML(doc []byte) (Document, error) {
	var x xmlEvidence
	if err := xml.Unmarshal(doc, &x); err != nil {
		return Document{}, err
	}
	d, err := x.document()
	if err != nil {
		return Document{}, err
	}
	p, err := Prepare(d)
	if err != nil {
		return Document{}, err
	}
	if !bytes.Equal(p.xml, doc) {
		return Document{}, errors.New("says more, or says it otherwise, than evidence does")
	}
	return d, nil
}

// The structure as it is read. Rebuilding the bytes is the real check, so this
// may be lenient.
type xmlEvidence struct {
	ID        string         `xml:"EvidenceIdentifier"`
	EventID   string         `xml:"ERDSEventId"`
	At        string         `xml:"EventTime"`
	Policies  []string       `xml:"EvidenceIssuerPolicyID>PolicyID"`
	Issuer    []xmlAttribute `xml:"EvidenceIssuerDetails>Identity>Attribute"`
	Submitted string         `xml:"SubmissionTime"`
	Message   string         `xml:"MessageIdentifier"`
	Parts     []xmlPart      `xml:"UserContentInfo>PartsInfo>PartInfo"`
	External  string         `xml:"ForwardedToExternalSystem"`
	Log       string         `xml:"TransactionLogInformation>TransactionLog"`
	Facts     xmlFacts       `xml:"Extensions>Extension>Facts"`
}

type xmlAttribute struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:"AttributeValue"`
}

type xmlPart struct {
	Name      string `xml:"Identifier"`
	MediaType string `xml:"ContentType"`
	Digest    string `xml:"DigestValue"`
}

type xmlFacts struct {
	Claim              Claim       `xml:"Claim"`
	Service            string      `xml:"Service"`
	VerifyAt           string      `xml:"VerifyAt"`
	Issuer             xmlIssuer   `xml:"Issuer"`
	TrustedListEntry   string      `xml:"TrustedListEntry"`
	QualifiedSeal      string      `xml:"QualifiedSeal"`
	QualifiedTimeStamp string      `xml:"QualifiedTimeStamp"`
	Delivery           string      `xml:"Delivery"`
	Number             string      `xml:"Number"`
	Reference          string      `xml:"Reference"`
	Subject            string      `xml:"Subject"`
	Language           string      `xml:"Language"`
	Parties            []xmlParty  `xml:"Party"`
	Sizes              []int64     `xml:"PartSize"`
	Reasons            []xmlReason `xml:"Reason"`
	Details            []xmlDetail `xml:"Detail"`
	Nonce              string      `xml:"Nonce"`
}

type xmlIssuer struct {
	Scheme  string `xml:"scheme,attr"`
	Country string `xml:"country,attr"`
	Value   string `xml:",chardata"`
}

type xmlReason struct {
	Code string `xml:"code,attr"`
	Text string `xml:",chardata"`
}

type xmlDetail struct {
	Key   string `xml:"key,attr"`
	Value string `xml:",chardata"`
}

type xmlParty struct {
	Role     string      `xml:"role,attr"`
	Kind     PartyKind   `xml:"kind,attr"`
	Declared xmlDeclared `xml:"Declared"`
	Proof    *xmlProof   `xml:"Identified"`
	Mandate  *xmlMandate `xml:"Mandate"`
}

type xmlMandate struct {
	ID     string `xml:"id,attr"`
	Given  string `xml:"given,attr"`
	At     string `xml:"at,attr"`
	Record string `xml:",chardata"`
}

type xmlDeclared struct {
	Identifier struct {
		Scheme string `xml:"scheme,attr"`
		Value  string `xml:",chardata"`
	} `xml:"Identifier"`
	Name    string   `xml:"Name"`
	Given   string   `xml:"Given"`
	Family  string   `xml:"Family"`
	Email   string   `xml:"Email"`
	Mobile  string   `xml:"Mobile"`
	Address []string `xml:"AddressLine"`
}

type xmlProof struct {
	Method   string `xml:"method,attr"`
	Level    string `xml:"level,attr"`
	At       string `xml:"at,attr"`
	Given    string `xml:"Given"`
	Family   string `xml:"Family"`
	Provider string `xml:"Provider"`
	Record   string `xml:"Record"`
}

func fromURN(s string) string { return strings.TrimPrefix(s, "urn:uuid:") }

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(timeFormat, s)
}

func parseNonce(s string) (n [NonceSize]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != NonceSize {
		return n, errors.New("nonce is malformed")
	}
	return [NonceSize]byte(b), nil
}
