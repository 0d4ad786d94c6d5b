package evidence

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
