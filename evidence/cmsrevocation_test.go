package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// revocationSet is the field crls of SignedData with these elements as they are.
func revocationSet(elements ...[]byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: bytes.Join(elements, nil)}
}

// withSet puts set into a signature that has none.
func withSet(t *testing.T, der []byte, version int, set asn1.RawValue) []byte {
	t.Helper()
	type signedData struct {
		Version                    int
		Algorithms, Content, Certs asn1.RawValue
		CRLs                       asn1.RawValue `asn1:"optional,tag:1"`
		Signers                    asn1.RawValue
	}
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		t.Fatalf("signature: %v", err)
	}
	outer.Content.Version, outer.Content.CRLs = version, set
	der, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// wrapped is a response as CMS has it.
func wrapped(t *testing.T, format asn1.ObjectIdentifier, response []byte) []byte {
	t.Helper()
	der, err := asn1.MarshalWithParams(struct {
		Format asn1.ObjectIdentifier
		Info   asn1.RawValue
	}{format, asn1.RawValue{FullBytes: response}}, "tag:1")
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestRevocationInCMS(t *testing.T) {
	t.Parallel()
	a, _ := revocable(t)
	v := a.Validation()
	list, lists := v.CRLs[0], a.ValidationByLists().CRLs
	inCMS := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2}
	response := wrapped(t, inCMS, v.OCSPs[0])
	der := foreignCMS(t, "-md", "sha256", "-cades")
	slices.SortFunc(lists, bytes.Compare)
	for _, c := range []struct {
		name    string
		version int
		set     asn1.RawValue
		crls    [][]byte
		ocsps   [][]byte
		ok      bool
	}{
		{"a list", 1, revocationSet(list), [][]byte{list}, nil, true},
		{"lists", 1, revocationSet(lists...), lists, nil, true},
		{"both kinds", 5, revocationSet(list, response), [][]byte{list}, v.OCSPs[:1], true},
		{"not sorted", 5, revocationSet(response, list), nil, nil, false},
		{"twice", 1, revocationSet(list, list), nil, nil, false},
		{"none in it", 1, revocationSet(), nil, nil, false},
		{"version of a list", 1, revocationSet(list, response), nil, nil, false},
		{"version of a response", 5, revocationSet(list), nil, nil, false},
		{"another format", 5, revocationSet(wrapped(t, asn1.ObjectIdentifier{1, 2, 3}, v.OCSPs[0])), nil, nil, false},
		{"a number", 1, revocationSet([]byte{2, 1, 1}), nil, nil, false},
		{"a context tag", 1, revocationSet([]byte{0xa2, 0}), nil, nil, false},
		{"cut off", 1, revocationSet(list[:len(list)-1]), nil, nil, false},
		{"not a set", 1, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, Bytes: list}, nil, nil, false},
	} {
		s, err := evidence.ParseCMS(withSet(t, der, c.version, c.set))
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
			continue
		}
		if err == nil && (!reflect.DeepEqual(s.CRLs, c.crls) || !reflect.DeepEqual(s.OCSPs, c.ocsps) || s.Verify([]byte("data")) != nil) {
			t.Errorf("%s: got %d lists, %d responses", c.name, len(s.CRLs), len(s.OCSPs))
		}
	}
	// A change anywhere in the set shows.
	good := withSet(t, der, 5, revocationSet(list, response))
	from := bytes.Index(good, list)
	for i := from - 4; i < from+len(list)+len(response); i++ {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		s, err := evidence.ParseCMS(bad)
		if err == nil && reflect.DeepEqual(s.CRLs, [][]byte{list}) && reflect.DeepEqual(s.OCSPs, v.OCSPs[:1]) {
			t.Fatalf("octet %d does not count", i)
		}
	}
}

// A time-stamp token says nothing of revocation by itself.
func TestTokenWithRevocation(t *testing.T) {
	t.Parallel()
	a, _ := revocable(t)
	imprint := sha256.Sum256([]byte("evidence"))
	token, err := a.Stamper().Stamp(t.Context(), imprint[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.VerifyToken(token, imprint[:], a.Trust()); err != nil {
		t.Fatal(err)
	}
	token = withSet(t, token, 3, revocationSet(a.Validation().CRLs[0]))
	if _, err := evidence.VerifyToken(token, imprint[:], a.Trust()); !errors.Is(err, evidence.ErrToken) {
		t.Errorf("got %v, want ErrToken", err)
	}
}
