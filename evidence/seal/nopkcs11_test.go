//go:build !cgo

package seal_test

import (
	"errors"
	"testing"

	"github.com/bode-erds/bode/evidence/seal"
)

// TestNoPKCS11 runs in the build without cgo that TestBuildWithoutCgo makes.
func TestNoPKCS11(t *testing.T) {
	t.Parallel()
	k, err := seal.New(seal.Config{Token: &seal.TokenConfig{}})
	if !errors.Is(err, seal.ErrNoPKCS11) || k != nil {
		t.Errorf("got %v", err)
	}
}
