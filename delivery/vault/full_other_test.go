//go:build !linux

package vault_test

import "errors"

func roleFull() error { return errors.ErrUnsupported }
