package vault_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

// Some tests need a process of their own, to kill, to starve or to measure: the
// test binary starts itself with a role.
const (
	roleEnv     = "VAULT_TEST_ROLE"
	dirEnv      = "VAULT_TEST_DIR"
	namedEnv    = "VAULT_TEST_NAMED"
	endpointEnv = "VAULT_TEST_ENDPOINT"
)

func TestMain(m *testing.M) {
	roles := map[string]func() error{"put": rolePut, "puts": rolePuts, "full": roleFull, "memory": roleMemory}
	role, ok := roles[os.Getenv(roleEnv)]
	if !ok {
		code := m.Run()
		endGateway()
		os.Exit(code)
	}
	if err := role(); err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(1)
	}
}

func inRole(t *testing.T, role string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append(env, roleEnv+"="+role)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// roleDir opens the store below the directory in the environment.
func roleDir() (*vault.Dir, error) {
	dir := os.Getenv(dirEnv)
	keys, err := vault.OpenKeyring(filepath.Join(dir, "keys"), newClock().now)
	if err != nil {
		return nil, err
	}
	v, err := vault.NewDir(vault.DirConfig{Dir: filepath.Join(dir, "content"), Keys: keys})
	if err == nil && os.Getenv(namedEnv) != "" {
		v.NameDrafts()
	}
	return v, err
}

// rolePut puts what it is fed.
func rolePut() error {
	v, err := roleDir()
	if err != nil {
		return err
	}
	_, err = v.Put(context.Background(), "victim", os.Stdin)
	return err
}

// rolePuts puts one object after the other and says so when each is stored.
func rolePuts() error {
	v, err := roleDir()
	if err != nil {
		return err
	}
	for i := range 1000 {
		s, err := v.Put(context.Background(), fmt.Sprintf("object-%d", i), bytes.NewReader(random(30_000, byte(i))))
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
			return err
		}
	}
	return nil
}

func bothDrafts(t *testing.T, test func(t *testing.T, named string)) {
	t.Helper()
	t.Run("anonymous drafts", func(t *testing.T) { t.Parallel(); test(t, "") })
	t.Run("named drafts", func(t *testing.T) { t.Parallel(); test(t, "yes") })
}

func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	bothDrafts(t, func(t *testing.T, named string) {
		dir := t.TempDir()
		cmd := inRole(t, "put", dirEnv+"="+dir, namedEnv+"="+named)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// A pipe holds 64 KiB: when this returns, megabytes are on their way.
		if _, err := stdin.Write(random(6<<20, 20)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it was not killed")
		}
		for _, path := range files(t, filepath.Join(dir, "content")) {
			if named == "" || !strings.Contains(path, ".drafts") {
				t.Errorf("left behind: %s", path)
			}
		}
		keys, err := vault.OpenKeyring(filepath.Join(dir, "keys"), newClock().now)
		if err != nil {
			t.Fatal(err)
		}
		v, err := vault.NewDir(vault.DirConfig{Dir: filepath.Join(dir, "content"), Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		if !v.AnonymousDrafts() && named == "" {
			t.Skip("the file system has no files without a name")
		}
		if _, err := v.Sweep(t.Context(), time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if left := files(t, filepath.Join(dir, "content")); len(left) != 0 {
			t.Errorf("left after the sweep: %q", left)
		}
		mustOpen(t, v, mustPut(t, v, "victim", []byte("again")), []byte("again"))
	})
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	t.Parallel()
	bothDrafts(t, func(t *testing.T, named string) {
		dir := t.TempDir()
		var stored []delivery.Stored
		cmd := inRole(t, "puts", dirEnv+"="+dir, namedEnv+"="+named)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var s delivery.Stored
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
			if stored = append(stored, s); len(stored) == 40 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it was not killed")
		}
		keys, err := vault.OpenKeyring(filepath.Join(dir, "keys"), newClock().now)
		if err != nil {
			t.Fatal(err)
		}
		v, err := vault.NewDir(vault.DirConfig{Dir: filepath.Join(dir, "content"), Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range stored {
			mustOpen(t, v, s, random(30_000, byte(i)))
		}
		known := map[string]bool{}
		for _, s := range stored {
			known[s.Name] = true
		}
		if _, err := v.Sweep(t.Context(), time.Now().Add(time.Hour), func(name string) bool { return known[name] }); err != nil {
			t.Fatal(err)
		}
		if left := files(t, filepath.Join(dir, "content")); len(left) != len(stored) {
			t.Errorf("%d files for %d objects", len(left), len(stored))
		}
	})
}

// roleMemory puts and opens a small and then a big object, and prints by how
// many octets the peak of the resident memory grew.
func roleMemory() error {
	v, err := roleStore()
	if err != nil {
		return err
	}
	var peak [2]int64
	for i, size := range []int64{1 << 20, 1 << 30} {
		s, err := v.Put(context.Background(), fmt.Sprintf("memory-%d", i), io.LimitReader(&pattern{}, size))
		if err != nil {
			return err
		}
		r, err := v.Open(context.Background(), s)
		if err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != size {
			return fmt.Errorf("opened %d of %d: %w", n, size, err)
		}
		if err := errors.Join(r.Close(), v.Delete(context.Background(), s.Name)); err != nil {
			return err
		}
		if peak[i], err = peakMemory(); err != nil {
			return err
		}
	}
	fmt.Println(peak[0], peak[1]-peak[0])
	return nil
}

func roleStore() (delivery.Vault, error) {
	if os.Getenv(endpointEnv) == "" {
		return roleDir()
	}
	keys, err := vault.OpenKeyring(filepath.Join(os.Getenv(dirEnv), "keys"), newClock().now)
	if err != nil {
		return nil, err
	}
	return vault.NewS3(vault.S3Config{Endpoint: os.Getenv(endpointEnv), Bucket: bucket, AccessKey: "access", SecretKey: "secret-key", Keys: keys})
}

// pattern is endless content that costs little to make.
type pattern struct{ n byte }

func (p *pattern) Read(b []byte) (int, error) {
	for i := 0; i < len(b); i += 512 {
		p.n++
		b[i] = p.n
	}
	return len(b), nil
}

// peakMemory is VmHWM, the largest resident set so far, in octets.
func peakMemory() (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, errors.New("no VmHWM")
}

const memoryLimit = 64 << 20 // octets a gigabyte may cost

func testMemory(t *testing.T, env ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("a gigabyte takes seconds; run without -short")
	}
	if raceDetector {
		t.Skip("the race detector multiplies memory; the verification runs this once more without it")
	}
	if _, err := peakMemory(); err != nil {
		t.Skipf("this system does not tell the peak of resident memory: %v", err)
	}
	out, err := inRole(t, "memory", env...).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var base, growth int64
	if _, err := fmt.Sscan(string(out), &base, &growth); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	t.Logf("peak after 1 MiB: %.1f MiB; growth by 1 GiB: %.1f MiB", float64(base)/(1<<20), float64(growth)/(1<<20))
	if growth > memoryLimit {
		t.Errorf("a gigabyte cost %d octets of memory, more than %d", growth, memoryLimit)
	}
}

func TestMemoryStaysFlatInDirectory(t *testing.T) {
	t.Parallel()
	testMemory(t, dirEnv+"="+t.TempDir())
}

func TestMemoryStaysFlatOnS3(t *testing.T) {
	t.Parallel()
	testMemory(t, dirEnv+"="+t.TempDir(), endpointEnv+"="+newDiskS3(t))
}
