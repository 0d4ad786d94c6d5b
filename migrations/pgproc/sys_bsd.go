//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithOwner: these systems offer nothing to set on the child.
func dieWithOwner(*exec.Cmd) {}

// watch makes up for it.
func watch(pid int) (release func()) { return watchByPipe(pid) }

// alive says whether pid runs. Orphans are waited for by process 1 here.
func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// commandLine returns the arguments of pid, "" when it is gone.
func commandLine(pid int) string {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
