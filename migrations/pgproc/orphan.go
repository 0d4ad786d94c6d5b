//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endOrphan stops a server that still runs on our data although we hold the
// lock: its owner died and could not take it along. A process that merely got
// its number is left alone.
func (inst *instance) endOrphan(ctx context.Context) error {
	path := filepath.Join(inst.dataDir(), "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		pid = 0 // cut off while being written: nobody got far enough to run
	}
	if pid != 0 && alive(pid) && strings.Contains(commandLine(pid), inst.dataDir()) {
		inst.log.Warn("stopping a server whose owner is gone", "pid", pid, "dir", inst.dir)
		if err := endProcess(ctx, pid); err != nil {
			return err
		}
	}
	// The server would take a stranger with the old number for itself.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

// endProcess stops a server that is not our child.
func endProcess(ctx context.Context, pid int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = syscall.Kill(pid, sig) // fails only when it is gone
		patience := time.NewTimer(10 * time.Second)
		for waiting := true; waiting; {
			if !alive(pid) {
				patience.Stop()
				return nil
			}
			select {
			case <-tick.C:
			case <-patience.C:
				waiting = false
			case <-ctx.Done():
				patience.Stop()
				return fmt.Errorf("%w: left-over server %d: %w", ErrStart, pid, ctx.Err())
			}
		}
	}
	return fmt.Errorf("%w: left-over server %d does not end", ErrStart, pid)
}
