//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// spawn starts cmd so that it dies with this process, and closes exited once it
// has been waited for.
func spawn(cmd *exec.Cmd, exited chan<- struct{}) error {
	started := make(chan error)
	go func() {
		// Linux ties the death signal to the thread that started the child: it
		// must live as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		dieWithOwner(cmd)
		if err := cmd.Start(); err != nil {
			started <- startError(cmd, err)
			return
		}
		release := watch(cmd.Process.Pid)
		started <- nil
		_ = cmd.Wait() // the state says more than the error
		release()
		close(exited)
	}()
	return <-started
}

func startError(cmd *exec.Cmd, err error) error {
	name := filepath.Base(cmd.Path)
	if errors.Is(err, syscall.EPERM) && cmd.SysProcAttr.Credential != nil {
		return fmt.Errorf("%w: %s: root of this container may not switch to another user; "+
			"run as an ordinary user: %w", ErrStart, name, err)
	}
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%w: %s: the server's user may not run %s: %w", ErrUnreachable, name, cmd.Path, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrStart, name, err)
}

// watchByPipe interrupts pid when this process dies: a shell waits for the end
// of a pipe whose other end only we hold. The returned function calls it off.
func watchByPipe(pid int) (release func()) {
	const script = `read -r go; [ "$go" = off ] || kill -INT "$1" 2>/dev/null`
	shell := exec.Command("/bin/sh", "-c", script, "sh", strconv.Itoa(pid))
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := shell.StdinPipe()
	if err != nil {
		return func() {}
	}
	if err := shell.Start(); err != nil {
		pipe.Close()
		return func() {}
	}
	return func() {
		_, _ = pipe.Write([]byte("off\n"))
		pipe.Close()
		_ = shell.Wait()
	}
}

// shareLock keeps a stopped instance stopped while it is copied.
func shareLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: lock: %w", ErrConfig, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, filepath.Dir(path))
	}
	return f, nil
}
