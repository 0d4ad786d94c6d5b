//go:build !cgo

package seal

// openToken cannot work: the libraries of devices are C.
func openToken(Config) (Key, error) { return nil, ErrNoPKCS11 }
