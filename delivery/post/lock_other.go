//go:build !unix || solaris || aix || illumos

package post

import "os"

// tryLock does nothing where there is no flock: use one process per folder.
func tryLock(*os.File) error { return nil }
