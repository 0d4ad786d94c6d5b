package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// built is where the program was built, once a test needed it.
var built string

// program builds the program once for every test that runs it as a whole.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bode-test-bin-")
	if err != nil {
		return "", err
	}
	built = dir
	bin := filepath.Join(dir, "bode")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// openDir is a directory that another user, the database's, may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bode-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// running is a demonstration in a process of its own.
type running struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	info  info
	ended chan error // gets the one answer of Wait
}

// startDemo starts a demonstration in dir and waits until it answers.
func startDemo(t *testing.T, dir, addr string) *running {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{ended: make(chan error, 1)}
	infoFile := filepath.Join(dir, "info.json")
	os.Remove(infoFile)
	r.cmd = exec.Command(bin, "demo", "--dir", dir, "--addr", addr, "--info", infoFile)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(r.kill)
	err = eventually(t.Context(), func() (bool, error) {
		select {
		case err := <-r.ended:
			r.ended <- err
			return false, fmt.Errorf("it ended: %w", err)
		default:
		}
		b, err := os.ReadFile(infoFile)
		if err != nil {
			return false, nil
		}
		return true, json.Unmarshal(b, &r.info)
	})
	if err != nil {
		r.kill()
		t.Fatalf("the demonstration does not start: %v\n%s", err, r.out.Bytes())
	}
	return r
}

// kill ends it as a power cut would; its database ends by itself.
func (r *running) kill() {
	r.cmd.Process.Kill()
	r.ended <- <-r.ended
}

// bode runs the program to its end.
func bode(t *testing.T, args ...string) (string, error) {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, args...).CombinedOutput()
	return string(out), err
}

// freeAddr is an address of loopback that nobody listened on a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestKilledLosesNothing kills the whole process at random moments while
// messages come in and evidence is made. What was acknowledged is there after
// the restart, moves on, and everything holds together.
func TestKilledLosesNothing(t *testing.T) {
	t.Parallel()
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir, addr := openDir(t), freeAddr(t)
	var acknowledged []string
	for round := range rounds {
		r := startDemo(t, dir, addr)
		o := outsider{info: r.info, client: &http.Client{Timeout: 10 * time.Second}}
		for _, id := range acknowledged {
			if err := o.call(t.Context(), http.MethodGet, "/messages/"+id, nil, nil); err != nil {
				t.Fatalf("round %d: acknowledged message %s is gone: %v", round, id, err)
			}
		}
		moment := time.After(time.Duration(random.IntN(900)) * time.Millisecond)
		stop, stopped := context.WithCancel(t.Context())
		got := make([][]string, 3) // what several post at once goes into one transaction
		var posting sync.WaitGroup
		for p := range got {
			posting.Go(func() {
				for n := 0; stop.Err() == nil; n++ {
					if id, err := o.post(stop, fmt.Sprintf("r%d-%d-%d", round, p, n)); err == nil {
						got[p] = append(got[p], id)
					}
				}
			})
		}
		<-moment
		r.kill()
		stopped()
		posting.Wait()
		acknowledged = append(acknowledged, slices.Concat(got...)...)
	}
	r := startDemo(t, dir, addr)
	o := outsider{info: r.info, client: &http.Client{Timeout: 10 * time.Second}}
	t.Logf("%d messages acknowledged over %d kills", len(acknowledged), rounds)
	// A notice that was on its way when the process died is in doubt: it is sent
	// again, but not before five minutes have passed. 16 can be on their way, two
	// of a message. All others move on at once, and so does what is new.
	const inFlight = 16 / 2
	waiting := 0
	for n := range 3 {
		id, err := o.post(t.Context(), fmt.Sprintf("after-%d", n))
		if err != nil {
			t.Fatalf("nothing is accepted after the restart: %v", err)
		}
		if err := eventually(t.Context(), func() (bool, error) {
			var m struct{ States map[string]int }
			err := o.call(t.Context(), http.MethodGet, "/messages/"+id, nil, &m)
			return m.States["notified"] == 1, err
		}); err != nil {
			t.Fatalf("a new message does not move on: %v", err)
		}
	}
	if err := eventually(t.Context(), func() (bool, error) {
		waiting = 0
		for _, id := range acknowledged {
			var m struct{ States map[string]int }
			if err := o.call(t.Context(), http.MethodGet, "/messages/"+id, nil, &m); err != nil {
				return false, err
			}
			if m.States["notified"]+m.States["submitted"] != 1 {
				return false, fmt.Errorf("message %s is in %v", id, m.States)
			}
			waiting += m.States["submitted"]
		}
		return waiting <= inFlight*rounds, nil
	}); err != nil {
		t.Fatalf("%d of %d messages do not move on: %v", waiting, len(acknowledged), err)
	}
	t.Logf("%d in doubt", waiting)
	r.kill()
	if out, err := bode(t, "fsck", "--demo", dir); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	} else {
		t.Log(strings.TrimSpace(out))
	}
}

// post submits one small message and returns its id once it is acknowledged.
func (o outsider) post(ctx context.Context, reference string) (string, error) {
	var m struct{ ID string }
	err := o.call(ctx, http.MethodPost, "/messages", map[string]any{
		"subject": "Test", "body": "Test", "reference": reference,
		"policy": map[string]any{"fallback": "none"},
		"recipients": []map[string]any{{"name": map[string]string{"given": "An", "family": "Peeters"},
			"email": "an@example.be", "mobile": "+32470104799", "language": "nl"}},
	}, &m)
	return m.ID, err
}

// TestStopsInTime asks a demonstration to stop as Ctrl-C does.
func TestStopsInTime(t *testing.T) {
	t.Parallel()
	r := startDemo(t, openDir(t), "127.0.0.1:0")
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		r.ended <- err
		if err != nil {
			t.Errorf("it ended with %v\n%s", err, r.out.Bytes())
		}
	case <-time.After(30 * time.Second):
		t.Errorf("still running after 30 s\n%s", r.out.Bytes())
	}
	if !strings.Contains(r.out.String(), r.info.BaseURL) {
		t.Errorf("the address was not printed:\n%s", r.out.Bytes())
	}
}
