//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package pgproc

import "context"

// Server is never made on this system.
type Server struct{}

// Start returns ErrUnsupported.
func Start(context.Context, Config) (*Server, error) { return nil, ErrUnsupported }

// URL returns "".
func (*Server) URL() string { return "" }

// Done returns nil.
func (*Server) Done() <-chan struct{} { return nil }

// Stop does nothing.
func (*Server) Stop(context.Context) error { return nil }

// DefaultDir returns ErrUnsupported.
func DefaultDir() (string, error) { return "", ErrUnsupported }

// Remove returns ErrUnsupported.
func Remove(context.Context, string) error { return ErrUnsupported }
