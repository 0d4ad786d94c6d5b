package ers

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Checker implements [evidence.RecordChecker]. The zero value is ready.
type Checker struct{}

// CheckRecord verifies record offline: that its first token is over a tree with
// digest as a leaf, that each following one is over a tree with the token before
// it as a leaf and was made later, while that one still proved something by
// itself ([RenewBefore]), and that t.TSA vouches for all of them. Only the first
// one may have validation data, see [Extend]. Errors: [evidence.ErrToken].
// RFC 4998 §4.3, §5.3
func (Checker) CheckRecord(record []byte, digest [32]byte, t evidence.Trust) (said evidence.Recorded, err error) {
	r, err := parse(record)
	if err != nil {
		return said, fmt.Errorf("%w: %w", evidence.ErrToken, err)
	}
	var infos []evidence.TokenInfo
	for i, a := range r.Chains[0] {
		root, err := a.root(digest)
		if err != nil {
			return said, fmt.Errorf("%w: time-stamp %d of the record: %w", evidence.ErrToken, i+1, err)
		}
		var info evidence.TokenInfo
		if i == 0 {
			info, said.Validation, said.Unit, err = evidence.VerifyExtendedToken(a.Token.FullBytes, root[:], t)
		} else {
			info, err = evidence.VerifyToken(a.Token.FullBytes, root[:], t)
		}
		if err != nil {
			return evidence.Recorded{}, fmt.Errorf("time-stamp %d of the record: %w", i+1, err)
		}
		if i > 0 {
			if err := renews(r.Chains[0][i-1], infos[i-1], info); err != nil {
				return evidence.Recorded{}, fmt.Errorf("%w: time-stamp %d of the record: %w", evidence.ErrToken, i+1, err)
			}
		}
		infos = append(infos, info)
		digest = sha256.Sum256(a.Token.FullBytes)
	}
	said.Stamps = infos
	return said, nil
}

// renews says whether next came in time to keep the time-stamp before it worth
// something. RFC 4998 §5.3; EN 319 102-1 §5.6
func renews(before archiveTimeStamp, old, next evidence.TokenInfo) error {
	if !next.Time.After(old.Time) {
		return errors.New("not later than the one before")
	}
	until, err := before.until()
	if err != nil {
		return err
	}
	if !next.Time.Before(until) {
		return fmt.Errorf("the one before proves nothing since %s", until.Format(time.RFC3339))
	}
	return nil
}

// root computes what the token must be over when digest is in the first list.
// Lists must be in ascending order, which gives each list one form.
// RFC 4998 §4.3
func (a archiveTimeStamp) root(digest hash) (hash, error) {
	if a.Reduced == nil { // stamped alone
		return digest, nil
	}
	node := hash{}
	for level, list := range a.Reduced {
		hashes := make([]hash, 0, len(list)+1)
		for _, h := range list {
			if len(h) != sha256.Size {
				return hash{}, errors.New("hash of a wrong length")
			}
			hashes = append(hashes, hash(h))
		}
		if len(hashes) == 0 || len(hashes) > maxNode || !ascending(hashes) {
			return hash{}, errors.New("list of hashes is empty, too long or out of order")
		}
		switch {
		case level == 0 && !slices.Contains(hashes, digest):
			return hash{}, errors.New("it is for something else")
		case level > 0 && slices.Contains(hashes, node):
			return hash{}, errors.New("node that is its own sibling")
		case level > 0:
			hashes = append(hashes, node)
		}
		node = join(hashes)
	}
	if len(a.Reduced) == 0 {
		return hash{}, errors.New("hash tree without a leaf")
	}
	return node, nil
}

func ascending(hashes []hash) bool {
	for i := 1; i < len(hashes); i++ {
		if compare(hashes[i-1], hashes[i]) >= 0 {
			return false
		}
	}
	return true
}
