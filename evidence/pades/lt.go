package pades

import (
	"fmt"

	"github.com/bode-erds/bode/evidence"
)

// Extend makes PAdES B-LT of a sealed evidence PDF: it appends what is needed to
// judge the certificates without asking anybody. Without a time-stamp of its own
// the level stays B-B; there must be an evidence record inside. The same input
// always gives the same octets, and [Issued] gives pdf back. Whether v is enough,
// and true, is for a [Checker] to say. Errors: [evidence.ErrDocument] when pdf is
// not that, or is extended already; [ErrValidation].
//
// EN 319 142-1 §6.3; a certifying seal allows it: ISO 32000-2 §12.8.2.2
func Extend(pdf []byte, v evidence.Validation) ([]byte, error) {
	f, c, err := openSeal(pdf)
	if err != nil {
		return nil, err
	}
	if len(f.added) > 0 {
		return nil, fmt.Errorf("%w: extended already", evidence.ErrDocument)
	}
	if _, b, err := f.attached(); err != nil || c.Token == nil && b.Record == nil {
		return nil, fmt.Errorf("%w: no time-stamp", evidence.ErrDocument)
	}
	added, err := f.extension(v)
	if err != nil {
		return nil, err
	}
	if len(pdf)+len(added) > maxFile {
		return nil, fmt.Errorf("%w: too large", ErrValidation)
	}
	return append(pdf[:len(pdf):len(pdf)], added...), nil
}

// Issued gives pdf as it was before [Extend]: its digest stands elsewhere. It
// shares memory with pdf. Errors: [evidence.ErrDocument] when pdf is no sealed
// evidence, or something else was appended.
func Issued(pdf []byte) ([]byte, error) {
	f, _, err := openSeal(pdf)
	if err != nil {
		return nil, err
	}
	if _, err := f.validation(); err != nil {
		return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	return f.doc, nil
}

// openSeal opens pdf and its seal, without judging either.
func openSeal(pdf []byte) (*sealedFile, *evidence.CMS, error) {
	f, err := open(pdf)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	c, err := f.seal()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	return f, c, nil
}

// seal is the parsed seal. Revocation data stand in the file, not in the seal,
// where nothing would hold them.
func (f *sealedFile) seal() (*evidence.CMS, error) {
	der, err := f.container()
	if err != nil {
		return nil, err
	}
	c, err := evidence.ParseCMS(der)
	if err == nil && len(c.CRLs)+len(c.OCSPs) > 0 {
		return nil, fmt.Errorf("%w: revocation data inside", errCMS)
	}
	return c, err
}
