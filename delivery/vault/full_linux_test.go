package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// roleFull mounts a small file system of its own and fills it.
func roleFull() error {
	dir := os.Getenv(dirEnv)
	content := filepath.Join(dir, "content")
	if err := os.MkdirAll(content, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", content, "tmpfs", 0, "size=4m"); err != nil {
		fmt.Println("no mount:", err)
		return nil
	}
	v, err := roleDir()
	if err != nil {
		return err
	}
	ctx := context.Background()
	for range 3 {
		if _, err := v.Put(ctx, "too-big", bytes.NewReader(random(8<<20, 30))); !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("put of 8 MiB on 4 MiB: %w", err)
		}
		err := filepath.WalkDir(content, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				err = fmt.Errorf("left behind: %s", path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	// The space came back.
	s, err := v.Put(ctx, "too-big", bytes.NewReader(random(3<<20, 31)))
	if err != nil {
		return err
	}
	if got, err := open(ctx, v, s); err != nil || !bytes.Equal(got, random(3<<20, 31)) {
		return fmt.Errorf("open after the disk was full: %w", err)
	}
	fmt.Println("held")
	return nil
}

func TestFullDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	bothDrafts(t, func(t *testing.T, named string) {
		cmd := inRole(t, "full", dirEnv+"="+t.TempDir(), namedEnv+"="+named)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.Output()
		switch {
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EINVAL):
			t.Skipf("the system gives no name space of its own to mount a small disk in: %v", err)
		case strings.HasPrefix(string(out), "no mount"):
			t.Skipf("the system does not let us mount a small disk: %s", out)
		case err != nil || string(out) != "held\n":
			t.Errorf("%v: %s", err, out)
		}
	})
}
