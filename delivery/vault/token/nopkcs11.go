//go:build !cgo

package token

// Key cannot be had: the libraries of devices are C.
type Key struct{}

// Open answers ErrNoPKCS11.
func Open(Config) (*Key, error) { return nil, ErrNoPKCS11 }

// Encrypt implements tink.AEAD.
func (*Key) Encrypt(_, _ []byte) ([]byte, error) { return nil, ErrNoPKCS11 }

// Decrypt implements tink.AEAD.
func (*Key) Decrypt(_, _ []byte) ([]byte, error) { return nil, ErrNoPKCS11 }

// Close does nothing.
func (*Key) Close() error { return nil }
