package evidence

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
)

// NonceSize is the length of Document.Nonce in octets.
const NonceSize = 32

// Document is what one piece of evidence is made of. The same Document always
// gives the same bytes.
type Document struct {
	Event   Event   `json:"event"`
	Hash    string  `json:"hash"` // hex SHA-256 of the encoded Event; set by Prepare when empty, checked when not
	History []Event `json:"-"`    // the events before it, from the first on; may be empty, never partial
	Issuer  Issuer  `json:"issuer"`
	// Nonce is random, made once when the event is recorded and stored with it.
	// It keeps the digest of the document unguessable after personal data was
	// erased, so that a public log may keep the digest.
	Nonce [NonceSize]byte `json:"-"`
}

// Claim is what this document may say of itself.
func (d Document) Claim() Claim { return d.Issuer.Claim(d.Event) }

// Prepared is linted evidence that waits for its seal. It can only be made by
// [Prepare] and [Resume] and is redeemed once, by [Engine.Seal]: nothing is
// sealed that was not linted.
type Prepared struct {
	doc      Document
	xml      []byte
	redeemed atomic.Bool
}

// XML returns the unsigned evidence, in the exact form that gets signed:
// EN 319 522-3 in exclusive canonical XML. The caller owns the slice.
func (p *Prepared) XML() []byte { return bytes.Clone(p.xml) }

// Document returns what p was made of.
func (p *Prepared) Document() Document { return p.doc }

// Prepare builds the evidence of d and lints it. Store [Prepared.XML] before
// sealing, so that a retry seals the same bytes and never a second version of
// the fact. Errors: [ErrEvent], [ErrIssuer], [ErrLint]; nothing was sealed.
func Prepare(d Document) (*Prepared, error) {
	if err := d.Issuer.Validate(); err != nil {
		return nil, err
	}
	body, err := d.Event.Encode()
	if err != nil {
		return nil, err
	}
	hash := HashHex(body)
	if d.Hash == "" {
		d.Hash = hash
	}
	d.History = slices.Clone(d.History)
	if err := lint(d, hash); err != nil {
		return nil, err
	}
	return &Prepared{doc: d, xml: buildXML(d)}, nil
}

// Resume is [Prepare] for bytes that were stored earlier. It refuses, with
// [ErrPrepared], bytes that are not what d gives now.
func Resume(d Document, xml []byte) (*Prepared, error) {
	p, err := Prepare(d)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(p.xml, xml) {
		return nil, fmt.Errorf("%w: event %s", ErrPrepared, d.Event.ID)
	}
	return p, nil
}

// redeem reports whether this is the first time.
func (p *Prepared) redeem() bool { return p.redeemed.CompareAndSwap(false, true) }
