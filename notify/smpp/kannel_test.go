package smpp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kannel is a running gateway of somebody else, a client of our message centre.
type kannel struct {
	t    *testing.T
	send string      // address of its sendsms
	dlr  chan string // types of what it heard of receipts
	back string      // where it tells them
}

// program finds one that is not in an ordinary user's PATH.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is needed (Debian package kannel): %v", name, err)
	}
	return path
}

// freePorts are ports of loopback that were free a moment ago.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func startKannel(t *testing.T, smsc string) *kannel {
	t.Helper()
	k := &kannel{t: t, dlr: make(chan string, 100)}
	heard := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { k.dlr <- r.FormValue("type") }))
	t.Cleanup(heard.Close)
	k.back = heard.URL
	ports := freePorts(t, 3)
	_, port, err := net.SplitHostPort(smsc)
	if err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(`
group = core
admin-port = %d
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = %d
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal
sms-resend-freq = 1

group = smsc
smsc = smpp
smsc-id = bode
host = 127.0.0.1
port = %s
smsc-username = bode
smsc-password = secret
system-type = test
transceiver-mode = true
enquire-link-interval = 1
reconnect-delay = 1
msg-id-type = 0x03

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = %d
sendsms-interface = 127.0.0.1

group = sendsms-user
username = tester
password = secret
concatenation = true
max-messages = 4
`, ports[0], ports[1], port, ports[2])
	dir := t.TempDir()
	file := filepath.Join(dir, "kannel.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	k.send = fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", ports[2])
	k.run(dir, "bearerbox", file)
	status := fmt.Sprintf("http://127.0.0.1:%d/status.txt?password=secret", ports[0])
	k.answers(status, "running")
	k.run(dir, "smsbox", file)
	k.answers(status, "smsbox:") // it opens its port before it is connected
	k.answers(k.send, "")
	return k
}

// run starts one of its programs, which ends with the test.
func (k *kannel) run(dir, name, conf string) {
	k.t.Helper()
	cmd := exec.Command(program(k.t, name), "-v", "1", conf)
	out, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		k.t.Fatal(err)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); _ = cmd.Wait() }()
	k.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-over:
		case <-time.After(5 * time.Second): // it waits for answers that do not come
			_ = cmd.Process.Kill()
			<-over
		}
		out.Close()
		if said, err := os.ReadFile(out.Name()); err == nil && k.t.Failed() {
			k.t.Logf("%s said:\n%s", name, said[max(0, len(said)-4000):])
		}
	})
}

// answers waits until somebody there says a word.
func (k *kannel) answers(address, word string) {
	k.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		if resp, err := http.Get(address); err == nil {
			said, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil && strings.Contains(string(said), word) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-late:
			k.t.Fatalf("Kannel does not say %q at %s", word, address)
		}
	}
}

// text lets it send a message and tell what becomes of it.
func (k *kannel) text(words string) {
	k.t.Helper()
	form := url.Values{"username": {"tester"}, "password": {"secret"}, "from": {"Bode"}, "to": {"+32470123456"}, "text": {words},
		"charset": {"UTF-8"}, "coding": {"0"}, "dlr-mask": {"31"}, "dlr-url": {k.back + "/?type=%d"}}
	resp, err := http.Get(k.send + "?" + form.Encode())
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusAccepted {
		k.t.Fatalf("sendsms: %d %s %v", resp.StatusCode, said, err)
	}
}

// heard waits until it was told of a receipt of a type: 1 delivered, 2 failed, 8
// taken by the message centre, 16 refused by it.
func (k *kannel) heard(kind string) {
	k.t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case got := <-k.dlr:
			if got == kind {
				return
			}
		case <-late:
			k.t.Fatalf("Kannel was told of no receipt of type %s", kind)
		}
	}
}

// TestKannelPeer holds our reading and writing against a client of somebody else:
// Kannel binds to our message centre, which understands what it submits and sends
// receipts that Kannel understands.
func TestKannelPeer(t *testing.T) {
	t.Parallel()
	c := startSMSC(t, nil)
	c.onBind = func(system, password string) status {
		if system != "bode" || password != "secret" {
			return statusPassword
		}
		return statusOK
	}
	c.decide = func(n int, _ shortMessage) verdict {
		switch n {
		case 1:
			return verdict{status: statusThrottled}
		case 3:
			return verdict{status: statusDestination}
		}
		return verdict{id: fmt.Sprintf("k-%d", n)}
	}
	k := startKannel(t, c.addr())
	c.until("Kannel bound", func() bool { return c.accepted == 1 && c.seen[bindTransceiver] == 1 })

	k.text("Bode: été à 10 € [x]")
	k.heard("8")
	m := c.taken[0]
	if want := "Bode: \x05t\x05 \x7f 10 \x1be \x1b\x3cx\x1b\x3e"; string(m.text) != want || m.from.value != "Bode" || m.from.ton != tonAlphanumeric ||
		m.to != (address{tonInternational, npiISDN, "32470123456"}) || m.registered&1 != 1 || m.coding != codingDefault {
		t.Errorf("%q %+v", m.text, m)
	}
	c.tell(receiptFor("k-0", "DELIVRD"))
	k.heard("1")
	c.until("receipt acknowledged", func() bool { return len(c.answers) == 1 && c.answers[0].status == statusOK })

	k.text("again and again") // throttled once, then taken
	c.until("taken after all", func() bool { return len(c.taken) == 3 })
	k.heard("8")
	c.tell(shortMessage{from: address{1, 1, "32470123456"}, to: address{5, 0, "Bode"}, class: classReceipt},
		parameter(nil, tagReceiptedID, []byte("k-2\x00")), parameter(nil, tagMessageState, []byte{5}))
	k.heard("2")
	k.text("to nobody")
	k.heard("16")

	k.text(strings.Repeat("long ", 50)) // 250 letters
	c.until("two parts", func() bool { return len(c.taken) == 6 })
	if a, b := c.taken[4], c.taken[5]; a.class&classUDH == 0 || a.text[0] != 5 || a.text[4] != 2 || a.text[5] != 1 || b.text[5] != 2 ||
		string(a.text[6:])+string(b.text[6:]) != strings.TrimRight(strings.Repeat("long ", 50), "\n") {
		t.Errorf("%q %q", a.text, b.text)
	}
	c.until("asked whether we are there", func() bool { return c.seen[enquireLink] > 0 })
	c.disconnect()
	c.until("bound again", func() bool { return c.accepted == 2 })
	c.raw(enquireLink, nil)
	c.until("it is there", func() bool { return c.seen[enquireLink|response] > 0 })
}
