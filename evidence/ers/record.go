package ers

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Bounds of a record. A batch of [MaxLeaves] gives records of 3 to 13 kB, and
// every renewal adds as much.
const (
	maxRecord = 1 << 20 // octets
	maxStamps = 64
	maxLevels = 64
	maxNode   = 64 // hashes in one list of a reduced hash tree
)

const oidSHA256 = "2.16.840.1.101.3.4.2.1"

// evidenceRecord is RFC 4998 §3.1 without cryptoInfos and encryptionInfo: neither
// is covered by the time-stamps, so a record that has one is refused.
type evidenceRecord struct {
	Version    int
	Algorithms []algorithm
	Chains     [][]archiveTimeStamp
}

type algorithm struct {
	OID    asn1.ObjectIdentifier
	Params asn1.RawValue `asn1:"optional"`
}

// archiveTimeStamp is RFC 4998 §4.1 without attributes. Both optional fields are
// left out by software that stamps a document alone.
type archiveTimeStamp struct {
	Algorithm algorithm     `asn1:"optional,tag:0"`
	Reduced   [][][]byte    `asn1:"optional,tag:2"`
	Token     asn1.RawValue // a ContentInfo
}

func sha256Algorithm() algorithm {
	return algorithm{OID: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}
}

// isSHA256 accepts absent parameters and NULL, as RFC 5754 §2 demands.
func (a algorithm) isSHA256() bool {
	return a.OID.String() == oidSHA256 && (len(a.Params.FullBytes) == 0 || bytes.Equal(a.Params.FullBytes, asn1.NullBytes))
}

// Record is the evidence record of leaf i, DER. Token must be the token over
// [Tree.Root], and the caller must have verified it. Errors: [ErrTree], and
// [evidence.ErrToken] for a token over something else. RFC 4998 §3.1
func (t Tree) Record(i int, token []byte) ([]byte, error) {
	stamp, _, err := t.stamp(i, token)
	if err != nil {
		return nil, err
	}
	return evidenceRecord{1, []algorithm{sha256Algorithm()}, [][]archiveTimeStamp{{stamp}}}.encode()
}

// RenewalDigest is the leaf that renews record: the digest of its newest token.
// Errors: [ErrRecord]. RFC 4998 §5.2
func RenewalDigest(record []byte) ([32]byte, error) {
	r, err := parse(record)
	if err != nil {
		return hash{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return sha256.Sum256(r.newest().Token.FullBytes), nil
}

// Renewed is record with one more time-stamp: leaf i of t must be its
// [RenewalDigest], and token the verified token over the root of t. The result is
// only worth keeping when a [Checker] accepts it. Errors: [ErrRecord], [ErrTree],
// [evidence.ErrToken]. RFC 4998 §5.2
func Renewed(record []byte, t Tree, i int, token []byte) ([]byte, error) {
	r, err := parse(record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	stamp, leaf, err := t.stamp(i, token)
	if err != nil {
		return nil, err
	}
	if leaf != sha256.Sum256(r.newest().Token.FullBytes) {
		return nil, fmt.Errorf("%w: leaf %d does not renew this record", ErrTree, i)
	}
	if len(r.Chains[0]) == maxStamps {
		return nil, fmt.Errorf("%w: renewed %d times, no more is possible", ErrRecord, maxStamps-1)
	}
	r.Chains[0] = append(r.Chains[0], stamp)
	return r.encode()
}

// Extend puts validation data into the first time-stamp of record: about its own
// certificates and those of what it is over. It must be done before the first
// renewal, which is over the time-stamp as it then is. The same input gives the
// same octets. Errors: [ErrRecord]. EN 319 122-1 §5.5
func Extend(record []byte, v evidence.Validation) ([]byte, error) {
	r, err := parse(record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if len(r.Chains[0]) != 1 {
		return nil, fmt.Errorf("%w: it was renewed", ErrRecord)
	}
	token, err := evidence.ExtendCMS(r.newest().Token.FullBytes, v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	r.Chains[0][0].Token = asn1.RawValue{FullBytes: token}
	return r.encode()
}

// RenewBefore is when the newest time-stamp of record stops proving anything by
// itself: its certificate expires, or its algorithm ends. A renewal made later is
// refused. Errors: [ErrRecord]. RFC 4998 §5.2
func RenewBefore(record []byte) (time.Time, error) {
	r, err := parse(record)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	until, err := r.newest().until()
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return until, nil
}

// stamp is the archive time-stamp of leaf i.
func (t Tree) stamp(i int, token []byte) (archiveTimeStamp, hash, error) {
	reduced, leaf, err := t.path(i)
	if err != nil {
		return archiveTimeStamp{}, leaf, err
	}
	// That the root stands in the token proves nothing; that it does not, shows
	// that token and tree were mixed up, and costs little to see.
	root := t.Root()
	var content asn1.RawValue
	if rest, err := asn1.Unmarshal(token, &content); err != nil || len(rest) > 0 ||
		!bytes.Contains(token, append([]byte{asn1.TagOctetString, sha256.Size}, root[:]...)) {
		return archiveTimeStamp{}, leaf, fmt.Errorf("%w: it is not over the root of the tree", evidence.ErrToken)
	}
	return archiveTimeStamp{sha256Algorithm(), reduced, content}, leaf, nil
}

func (r evidenceRecord) encode() ([]byte, error) {
	der, err := asn1.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if len(der) > maxRecord {
		return nil, fmt.Errorf("%w: %d octets, more than %d", ErrRecord, len(der), maxRecord)
	}
	return der, nil
}

func (r evidenceRecord) newest() archiveTimeStamp {
	chain := r.Chains[0]
	return chain[len(chain)-1]
}

// until is when the certificate that signed the token expires, or what it was
// signed with becomes too weak.
func (a archiveTimeStamp) until() (time.Time, error) {
	cms, err := evidence.ParseCMS(a.Token.FullBytes)
	if err != nil {
		return time.Time{}, err
	}
	until := cms.Signer.NotAfter
	if weak, ok := evidence.Weakens(cms.Signer.PublicKey, crypto.SHA256, cms.Signer.NotBefore); ok && weak.Before(until) {
		until = weak
	}
	return until.UTC(), nil
}

// parse reads a record in its one DER encoding, with one chain of SHA-256. It
// does not look into tokens.
func parse(der []byte) (evidenceRecord, error) {
	var r evidenceRecord
	if len(der) > maxRecord {
		return r, errors.New("record is too long")
	}
	rest, err := asn1.Unmarshal(der, &r)
	if err != nil {
		return r, err
	}
	again, err := asn1.Marshal(r)
	if err != nil || len(rest) > 0 || !bytes.Equal(again, der) {
		return r, errors.New("record is not in its one DER encoding")
	}
	if r.Version != 1 || len(r.Algorithms) != 1 || !r.Algorithms[0].isSHA256() {
		return r, errors.New("record is not one of version 1 with SHA-256")
	}
	if len(r.Chains) != 1 || len(r.Chains[0]) == 0 || len(r.Chains[0]) > maxStamps {
		return r, fmt.Errorf("record has not one chain of 1 to %d time-stamps", maxStamps)
	}
	for i, a := range r.Chains[0] {
		if a.Algorithm.OID != nil && !a.Algorithm.isSHA256() {
			return r, fmt.Errorf("time-stamp %d does not use SHA-256", i+1)
		}
		if len(a.Reduced) > maxLevels {
			return r, fmt.Errorf("time-stamp %d is over a tree of more than %d levels", i+1, maxLevels)
		}
	}
	return r, nil
}
