package vault

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openAnonymous opens a file without a name in the file system of dir. Some
// file systems refuse (NFS, some overlays).
func openAnonymous(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open anonymous file in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir+"/(anonymous)"), nil
}

// linkAnonymous gives f the name path. It needs /proc to be mounted.
func linkAnonymous(f *os.File, path string) error {
	from := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.LinkError{Op: "link", Old: from, New: path, Err: err}
	}
	return nil
}

// startWriteback asks the kernel to begin writing the octets [from, from+n) of
// f to the disk, so that the final sync finds little left to do. It waits for
// nothing and promises nothing.
func startWriteback(f *os.File, from, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE)
}
