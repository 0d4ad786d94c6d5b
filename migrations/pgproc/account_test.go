//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

func TestClosedParentIsRefusedForRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	dir := place(t)
	if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("closed parent: %v", err)
	}
	closed := fakeBin(t, filepath.Join(t.TempDir(), "bin"), "18.1", "exit 1")
	if err := os.Chmod(filepath.Dir(closed), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: place(t), BinDir: closed}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("closed programs: %v", err)
	}
}

func TestServerOfRootIsNotRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	s := start(t, nil)
	info, err := os.Stat("/proc/" + strconv.Itoa(s.cmd.Process.Pid))
	if err != nil {
		t.Skipf("no process table to look at: %v", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid == 0 || st.Uid != s.inst.account.uid {
		t.Errorf("server runs as %d", st.Uid)
	}
}

// TestAsOrdinaryUser repeats the tests that matter in a process of nobody's.
func TestAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("we are an ordinary user already")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("no user nobody: %v", err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(place(t))
	binary := filepath.Join(dir, "pgproc.test")
	copyTestBinary(t, binary)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.v", "-test.run",
		"^(TestStartMakes|TestKilledOwner|TestSecondOwner|TestOrphan|TestLongPath|TestClosedToOthers)")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func copyTestBinary(t *testing.T, to string) {
	t.Helper()
	in, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}
