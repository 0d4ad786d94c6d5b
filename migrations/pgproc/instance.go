//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// instance is a directory that this process owns through its lock.
type instance struct {
	cfg     Config
	dir     string
	sockDir string
	bin     Binaries
	account account
	lock    *os.File
	log     *slog.Logger
	remove  []string // what close takes away
}

// openInstance makes the directory and takes its lock.
func openInstance(cfg Config) (_ *instance, err error) {
	acct, err := serverAccount()
	if err != nil {
		return nil, err
	}
	inst := &instance{cfg: cfg, dir: cfg.Dir, account: acct, log: cfg.Logger}
	defer func() {
		if err != nil {
			inst.close()
		}
	}()
	if inst.dir == "" {
		if inst.dir, err = os.MkdirTemp("", "bode-pg-"); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		inst.remove = append(inst.remove, inst.dir)
	}
	// 0755 above the instance: the server's user may have to pass.
	if err := os.MkdirAll(filepath.Dir(inst.dir), 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := os.Mkdir(inst.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if inst.dir, err = filepath.EvalSymlinks(inst.dir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := acct.canReach(filepath.Dir(inst.dir)); err != nil {
		return nil, err
	}
	inst.lock, err = takeLock(filepath.Join(inst.dir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := acct.own(inst.dir, 0o700); err != nil {
		return nil, err
	}
	return inst, nil
}

// close releases the instance. The lock goes last.
func (inst *instance) close() {
	for _, path := range inst.remove {
		if err := os.RemoveAll(path); err != nil {
			inst.log.Warn("cannot remove", "path", path, "error", err)
		}
	}
	if inst.lock != nil {
		releaseLock(inst.lock)
	}
}

// takeLock locks path for the life of the returned file. The file stays: a lock
// on a removed file would protect nothing.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: lock: %w", ErrConfig, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, filepath.Dir(path))
		}
		return nil, fmt.Errorf("%w: lock: %w", ErrConfig, err)
	}
	return f, nil
}

// releaseLock unlocks before closing: a child of ours that is between fork and
// exec still holds the file, and closing alone would leave it locked that long.
func releaseLock(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	f.Close()
}

// chooseBinaries finds the programs, by downloading them when need be.
func (inst *instance) chooseBinaries(ctx context.Context) error {
	major, err := inst.clusterMajor()
	if err != nil {
		return err
	}
	b, err := Obtain(ctx, Search{BinDir: inst.cfg.BinDir, Major: major}, FetchConfig{Repository: inst.cfg.Repository})
	if err != nil {
		if major != 0 {
			return fmt.Errorf("%w %d: %w", ErrVersion, major, err)
		}
		return err
	}
	inst.bin = b
	return inst.account.canReach(b.Dir)
}

// command prepares a program of the server: its own user, an environment that
// does not depend on ours (an LC_ALL that is not installed stops initdb), and a
// process group of its own, so that Ctrl-C in a terminal reaches us alone and
// the server ends in order.
func (inst *instance) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(inst.bin.Dir, name), args...)
	cmd.Dir = inst.dir
	cmd.Env = []string{
		"LC_ALL=C", "TZ=UTC", "HOME=" + inst.dir,
		"PATH=" + inst.bin.Dir + ":/usr/bin:/bin",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: inst.account.credential()}
	return cmd
}

// lastWords returns the end of the server's log for an error message.
func (inst *instance) lastWords() string {
	const most = 600
	log, err := os.ReadFile(filepath.Join(inst.dir, "server.log"))
	log = bytes.TrimSpace(log)
	if err != nil || len(log) == 0 {
		return ""
	}
	if len(log) > most {
		log = log[len(log)-most:]
	}
	return "; the server's log ends: " + string(log)
}
