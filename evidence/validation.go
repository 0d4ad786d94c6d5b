package evidence

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"
)

// Validation is what is needed to judge certificates without asking anybody:
// the certificates of every chain and what their issuers said of revocation.
// Each is DER, once, in an order that never changes, so that the same Validation
// gives the same octets wherever it is put. The zero value is nothing known.
// EN 319 132-1 §5.4; EN 319 142-1 §5.4.2
type Validation struct {
	Certificates [][]byte // of the seal and of the time-stamps, roots included
	CRLs         [][]byte // RFC 5280 CertificateList
	OCSPs        [][]byte // RFC 6960 OCSPResponse
}

// IsZero reports whether nothing is known.
func (v Validation) IsZero() bool {
	return len(v.Certificates)+len(v.CRLs)+len(v.OCSPs) == 0
}

// Sorted is v with each piece once, in the order of their SHA-256. Whoever makes
// a Validation ends with it. It shares the pieces with v.
func (v Validation) Sorted() Validation {
	return Validation{sorted(v.Certificates), sorted(v.CRLs), sorted(v.OCSPs)}
}

func sorted(pieces [][]byte) [][]byte {
	var list [][]byte
	byDigest := map[[sha256.Size]byte][]byte{}
	for _, p := range pieces {
		byDigest[sha256.Sum256(p)] = p
	}
	keys := slices.SortedFunc(maps.Keys(byDigest), func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, k := range keys {
		list = append(list, byDigest[k])
	}
	return list
}
