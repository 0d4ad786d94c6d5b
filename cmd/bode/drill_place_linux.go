package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// insideName says in the environment that this process has its own mounts.
const insideName = "BODE_DRILL_INSIDE"

// ownMounts runs the command once more in a mount namespace of its own, so that
// nobody else sees what a drill mounts and nothing of it outlives the drill. In
// there it returns at once. An ordinary user gets a user namespace as well, in
// which tmpfs can be mounted but no file system from a file.
func ownMounts(ctx context.Context) (inside bool, err error) {
	if os.Getenv(insideName) != "" {
		err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		if err != nil {
			err = fmt.Errorf("%w: mounts of its own: %w", errNotHere, err)
		}
		return true, err
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideName+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{capSysAdmin}
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("%w: it needs root, or a kernel that lets users have namespaces of their own: %w", errNotHere, err)
	}
	err = cmd.Wait()
	if err != nil {
		err = fmt.Errorf("%w: %w", errInside, err)
	}
	return false, err
}

// capSysAdmin is CAP_SYS_ADMIN of capabilities(7).
const capSysAdmin = 21

// smallDisk mounts a file system in memory that holds so many octets.
func smallDisk(dir string, octets int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("drill", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", octets)); err != nil {
		return fmt.Errorf("%w: mounting a file system of its own: %w", errNotHere, err)
	}
	return nil
}

// fragile is an ext4 in a file, whose power can be cut.
type fragile struct{ image, dir string }

// makeFragile makes it and mounts it.
func makeFragile(ctx context.Context, dir string, octets int64) (*fragile, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: it needs root, to mount a file system from a file and to stop it", errNotHere)
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		if err := installed(ctx, "e2fsprogs"); err != nil {
			return nil, err
		}
	}
	f := &fragile{image: dir + ".ext4", dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	image, err := os.Create(f.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(image.Truncate(octets), image.Close()); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", f.image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	return f, f.mount(ctx)
}

func (f *fragile) mount(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "mount", "-o", "loop", f.image, f.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: mount: %w: %s", errNotHere, err, out)
	}
	return nil
}

// cut takes the power away: from here on nothing reaches the file any more, and
// what was written but not synced is gone, the journal of the file system
// included. It is what the kernel's own tests of file systems do.
func (f *fragile) cut() error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	const shutdown, withoutFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	flag := uint32(withoutFlush)
	if errno := ioctl(d.Fd(), shutdown, &flag); errno != 0 {
		return fmt.Errorf("%w: stopping a file system: %w", errNotHere, errno)
	}
	return nil
}

// sync brings what was written so far to the file.
func (f *fragile) sync(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "sync", "--file-system", f.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("sync: %w: %s", err, out)
	}
	return nil
}

// boot mounts what was cut again, once nobody holds it.
func (f *fragile) boot(ctx context.Context) error {
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; {
		if err = syscall.Unmount(f.dir, 0); err == nil {
			return f.mount(ctx)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s is still held: %w", f.dir, err)
}

// Close lets go of the disk, whoever still holds it.
func (f *fragile) Close() error { return letGo(f.dir) }

// installed installs a Debian package, where we may.
func installed(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, "apt-get", "install", "-y", "-qq", "--no-install-recommends", name)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: the package %s is missing and cannot be installed: %w: %s", errNotHere, name, err, out)
	}
	return nil
}

// letGo takes a mount away, whoever still holds it.
func letGo(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

// moveTree moves a folder to another file system with what it is to whom.
func moveTree(from, to string) error {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return os.RemoveAll(from)
}

// killChildren stops a process, so that it starts no more, and kills those that it
// started. The process itself is left for the caller to kill.
func killChildren(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil // a kernel that does not tell
	}
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		_ = syscall.Kill(child, syscall.SIGKILL) // it may have gone by itself
	}
	return nil
}
