package xades

import (
	"bytes"
	"errors"
	"strings"

	"github.com/bode-erds/bode/evidence"
)

// opened is a signed document taken apart.
type opened struct {
	signature
	content   []byte // canonical form of the evidence without the signature
	infoNode  *node
	valueNode *node
	propsNode *node
}

// open takes doc apart and refuses everything a [Sealer] does not write. The
// signature that counts is the last child of the root; there is no other
// anywhere, so no signed part can hide inside another (signature wrapping).
func open(doc []byte) (*opened, error) {
	root, err := parse(doc)
	if err != nil {
		return nil, err
	}
	if !root.is(evidence.NSEvidence, "Evidence") {
		return nil, errors.New("root is not an evidence")
	}
	last := root.last()
	form := renderer{mark: last}
	form.b.Grow(len(doc))
	form.render(root, nil)
	if !bytes.Equal(form.b.Bytes(), doc) {
		return nil, errors.New("document is not in canonical form")
	}
	if last == nil || !last.is(evidence.NSDSig, "Signature") || countSignatures(root) != 1 {
		return nil, errors.New("there is not exactly one signature, at the end of the evidence")
	}
	if err := uniqueIDs(root, map[string]bool{}); err != nil {
		return nil, err
	}
	s := &opened{content: form.without()}
	if err := s.read(root, last); err != nil {
		return nil, err
	}
	// What was read, written again, must be what is there: then nothing else is.
	again, err := s.bytes()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, canonical(last, nil)) {
		return nil, errors.New("signature is not built as ours are")
	}
	return s, nil
}

// last is the last child of n when that is an element.
func (n *node) last() *node {
	if len(n.children) == 0 {
		return nil
	}
	return n.children[len(n.children)-1].element
}

func countSignatures(n *node) int {
	count := 0
	if n.local == "Signature" {
		count++
	}
	for _, c := range n.children {
		if c.element != nil {
			count += countSignatures(c.element)
		}
	}
	return count
}

func uniqueIDs(n *node, seen map[string]bool) error {
	for _, a := range n.attrs {
		if strings.EqualFold(a.local, "id") {
			if seen[a.value] {
				return errors.New("an Id is used twice")
			}
			seen[a.value] = true
		}
	}
	for _, c := range n.children {
		if c.element == nil {
			continue
		}
		if err := uniqueIDs(c.element, seen); err != nil {
			return err
		}
	}
	return nil
}

// at walks from n along a path such as "ds:Object/xades:QualifyingProperties".
func (n *node) at(path string) *node {
	for step := range strings.SplitSeq(path, "/") {
		prefix, local, _ := strings.Cut(step, ":")
		space := evidence.NSDSig
		if prefix == "xades" {
			space = evidence.NSXAdES
		}
		if n = n.child(space, local); n == nil {
			return nil
		}
	}
	return n
}

// read takes the values out of the signature. It need not be strict: whatever
// it overlooks makes the rewritten signature differ.
func (s *opened) read(root, sig *node) error {
	const qualifying = "ds:Object/xades:QualifyingProperties/"
	const signed = qualifying + "xades:SignedProperties"
	s.infoNode, s.valueNode, s.propsNode = sig.at("ds:SignedInfo"), sig.at("ds:SignatureValue"), sig.at(signed)
	certs := sig.at("ds:KeyInfo/ds:X509Data")
	token := sig.at(qualifying + "xades:UnsignedProperties/xades:UnsignedSignatureProperties/xades:SignatureTimeStamp/xades:EncapsulatedTimeStamp")
	at := sig.at(signed + "/xades:SignedSignatureProperties/xades:SigningTime")
	if s.infoNode == nil || s.valueNode == nil || s.propsNode == nil || certs == nil || at == nil {
		return errors.New("signature is incomplete")
	}
	method := s.infoNode.at("ds:SignatureMethod")
	info := s.infoNode.elements()
	if method == nil || len(method.attrs) != 1 || len(info) != 4 {
		return errors.New("signed info is incomplete")
	}
	doc, props := info[2].at("ds:DigestValue"), info[3].at("ds:DigestValue")
	if doc == nil || props == nil {
		return errors.New("a reference has no digest")
	}
	s.method, s.signingTime = method.attrs[0].value, at.text()
	var errs [5]error
	s.docDigest, errs[0] = decode(doc)
	s.propsDigest, errs[1] = decode(props)
	s.value, errs[2] = decode(s.valueNode)
	if token != nil {
		s.token, errs[3] = decode(token)
	}
	s.certs, errs[4] = parseCertificates(certs.elements())
	// The Ids of the signature are those of its evidence.
	for _, a := range root.attrs {
		if a.local == "Id" {
			s.id = strings.TrimPrefix(a.value, "ev-")
		}
	}
	return errors.Join(errs[:]...)
}
