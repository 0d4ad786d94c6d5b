package asic

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// skew is how far the clock of a time-stamping authority may be behind ours.
const skew = 2 * time.Minute

// checkClaimed compares when the seal says that it was made with the time-stamp
// and with its certificate. EN 319 122-1 §6.3; EN 319 102-1 §5
func checkClaimed(der []byte, cms *evidence.CMS, stamp time.Time) error {
	claimed, err := signingTime(der)
	switch {
	case err != nil:
		return fmt.Errorf("signing time: %w", err)
	case stamp.Before(claimed.Add(-skew)):
		return errors.New("time-stamp is earlier than the signing")
	case claimed.Before(cms.Signer.NotBefore) || claimed.After(cms.Signer.NotAfter):
		return errors.New("certificate was not valid at the signing")
	}
	return nil
}

// signingTime reads the signed attribute of that name. [evidence.ParseCMS] has
// seen to the form of der. RFC 5652 §5.3, §11.3
func signingTime(der []byte) (at time.Time, err error) {
	var info struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version             int
			Algorithms, Content asn1.RawValue
			Certs               asn1.RawValue `asn1:"optional,tag:0"`
			CRLs                asn1.RawValue `asn1:"optional,tag:1"`
			Signers             []struct {
				Version       int
				Name, Digest  asn1.RawValue
				Signed        asn1.RawValue `asn1:"tag:0"`
				Method, Value asn1.RawValue
				Unsigned      asn1.RawValue `asn1:"optional,tag:1"`
			} `asn1:"set"`
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return at, err
	}
	for rest := info.Content.Signers[0].Signed.Bytes; len(rest) > 0; {
		var attribute struct {
			Type   asn1.ObjectIdentifier
			Values []asn1.RawValue `asn1:"set"`
		}
		if rest, err = asn1.Unmarshal(rest, &attribute); err != nil {
			return at, err
		}
		if attribute.Type.String() == "1.2.840.113549.1.9.5" && len(attribute.Values) == 1 {
			_, err = asn1.Unmarshal(attribute.Values[0].FullBytes, &at)
			return at, err
		}
	}
	return at, errors.New("there is none")
}
