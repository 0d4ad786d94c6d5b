package pgproc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// dieWithOwner has the kernel send the fast-shutdown signal when we die. Go sets
// it after the change of user, which would clear it.
func dieWithOwner(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGINT }

// watch has nothing to add to the kernel's promise.
func watch(int) (release func()) { return func() {} }

// alive says whether pid runs; a zombie that nobody has waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The name in brackets may hold anything, brackets included.
	end := bytes.LastIndexByte(stat, ')')
	return end < 0 || !bytes.HasPrefix(stat[end+1:], []byte(" Z"))
}

// commandLine returns the arguments of pid, "" when it is gone.
func commandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(text), "\x00", " ")
}
