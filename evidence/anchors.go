package evidence

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// The files of a folder of anchors, PEM.
const (
	SealAnchors = "ca.pem"  // roots of the certificates that seal
	TSAAnchors  = "tsa.pem" // roots of the time-stamping authorities
)

// ReadTrust reads the anchors in dir. Both files must hold at least one
// certificate.
func ReadTrust(dir string) (t Trust, err error) {
	if t.Seal, err = readPool(filepath.Join(dir, SealAnchors)); err != nil {
		return Trust{}, err
	}
	if t.TSA, err = readPool(filepath.Join(dir, TSAAnchors)); err != nil {
		return Trust{}, err
	}
	return t, nil
}

func readPool(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}
