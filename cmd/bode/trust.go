package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/bode-erds/bode/evidence"
)

// appendAnchors adds the anchors of a throw-away world to those in dir.
func appendAnchors(world interface{ WritePEM(dir string) error }, dir string) error {
	before := map[string][]byte{}
	for _, name := range []string{evidence.SealAnchors, evidence.TSAAnchors} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		before[name] = b
	}
	if err := world.WritePEM(dir); err != nil {
		return err
	}
	for name, old := range before {
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(b, old...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// origin is scheme and host of an address.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// readCertificates reads every certificate of a PEM file.
func readCertificates(path string) (certs []*x509.Certificate, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s: no certificate in PEM", path)
	}
	return certs, nil
}

// host is the name under which the service is reached.
func (o outside) host() string {
	u, err := url.Parse(o.baseURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
