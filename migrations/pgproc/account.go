//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user the server runs as. PostgreSQL refuses to run as root, and
// refuses a user id that has no name.
type account struct {
	name     string
	uid, gid uint32
	switched bool // another user than ours
}

// serverAccount is ourselves, or postgres or nobody when we are root.
func serverAccount() (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uint32(uid), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return account{name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
	}
	return account{}, fmt.Errorf("%w: running as root and there is no user postgres or nobody", ErrConfig)
}

// credential is nil when the server runs as we do.
func (a account) credential() *syscall.Credential {
	if !a.switched {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own hands path to the account and sets its mode.
func (a account) own(path string, mode fs.FileMode) error {
	if a.switched {
		if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// canReach checks that the account may pass through dir and all above it.
// /root, for one, is closed: nothing below it can hold a server of root's.
func (a account) canReach(dir string) error {
	if !a.switched {
		return nil
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		open := info.Mode().Perm()&0o001 != 0 ||
			(ok && st.Uid == a.uid && info.Mode().Perm()&0o100 != 0) ||
			(ok && st.Gid == a.gid && info.Mode().Perm()&0o010 != 0)
		if !open {
			return fmt.Errorf("%w: user %s cannot enter %s; choose another directory, or open it with chmod o+x",
				ErrUnreachable, a.name, dir)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil
		}
		dir = parent
	}
}

// DefaultDir is where an instance goes when nobody says otherwise: below
// /var/lib for root, whose home is closed to the server's user, else below the
// user's data directory.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/bode/postgresql", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "bode", "postgresql"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return filepath.Join(home, ".local", "share", "bode", "postgresql"), nil
}
