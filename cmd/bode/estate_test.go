package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/migrations/pgproc"
	"github.com/bode-erds/bode/notify/notifytest"
)

// estate is everything that a real service stands on, made by the test: a
// database, files of keys, a time-stamp authority, a provider of identities, a
// catcher of mail and SMS. Settings are the environment of its processes.
type estate struct {
	dir      string
	listen   string
	database string
	catcher  *notifytest.Catcher
	settings map[string]string
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	return newEstateOn(t, true)
}

// newEstateOn is newEstate on a database that, where it is unsafe, is fast and may
// lose what it confirmed.
func newEstateOn(t *testing.T, unsafe bool) *estate {
	t.Helper()
	e := &estate{dir: openDir(t), listen: freeAddr(t)}
	base := "http://" + e.listen
	server, err := pgproc.Start(t.Context(), pgproc.Config{Dir: filepath.Join(e.dir, "postgres"), Unsafe: unsafe, TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Stop(t.Context()) })
	e.database = server.URL()
	if e.catcher, err = notifytest.StartCatcher(notifytest.Config{SMSToken: "sms secret"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.catcher.Close() })
	tsa := httptest.NewUnstartedServer(nil)
	authority, err := evidencetest.New(evidencetest.Config{URL: "http://" + tsa.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	tsa.Config.Handler = authority
	tsa.Start()
	t.Cleanup(tsa.Close)
	provider, err := identitytest.Start(identitytest.Config{Clients: []identitytest.Client{{ID: "bode", Services: []string{"BODE_LOGIN"},
		RedirectURLs: []string{base + identify.CallbackPath(identity.MethodItsme)}, JWKSURL: base + jwksPath}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { provider.Close() })
	if err := errors.Join(authority.WriteSealPEM(e.path("seal")), authority.WritePEM(e.path("trust")),
		os.Mkdir(e.path("post"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSecrets(e.path("secrets"), true); err != nil {
		t.Fatal(err)
	}
	key, err := tlog.GenerateKey(e.path("secrets/log.key"), "bode.example/log")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, e.path("trust/log.pub"), key.Public()+"\n")
	e.settings = map[string]string{
		"DATABASE_URL": e.database, "BODE_LISTEN": e.listen, "BODE_BASE_URL": base,
		"BODE_DRAIN":   "0s", // nobody leads requests
		"BODE_SECRETS": e.path("secrets"), "BODE_KEYS": e.path("keys"), "BODE_CONTENT_DIR": e.path("content"),
		"BODE_SMTP_ADDR": e.catcher.SMTPAddr(), "BODE_SMTP_SECURITY": "plain", "BODE_SMTP_FROM": "Bode <no-reply@bode.example>",
		"BODE_SMS_URL": e.catcher.SMSURL(), "BODE_SMS_TOKEN": writeFile(t, e.path("sms-token"), "sms secret\n"), "BODE_SMS_FROM": "Bode", "BODE_QUIET_HOURS": "none", // tests run at night, too
		"BODE_LOGIN_ISSUER": provider.Issuer(), "BODE_LOGIN_CLIENT": "bode", "BODE_LOGIN_CODE": "BODE_LOGIN",
		"BODE_LOGIN_SIGN": e.rsaKey(t, "login/sign.pem"), "BODE_LOGIN_DECRYPT": e.rsaKey(t, "login/decrypt.pem"),
		"BODE_SEAL_KEY": e.path("seal/key.pem"), "BODE_SEAL_CERT": e.path("seal/cert.pem"), "BODE_SEAL_ALLOW_FILE_KEY": "true",
		"BODE_SEAL_TSA": tsa.URL, "BODE_SEAL_TRUST": e.path("trust"), "BODE_SEAL_LOG_KEY": e.path("secrets/log.key"),
		"BODE_ISSUER_NAME": "Bode test bv", "BODE_ISSUER_IDENTIFIER": "0403170701", "BODE_ISSUER_POLICY": "1.3.6.1.4.1.99999.2.1",
		"BODE_POST_DIR": e.path("post"), "BODE_POST_PARTNER": "Printer", "BODE_POST_RETURN": "Bode test bv,Vlasmarkt 7,9000 Gent",
	}
	return e
}

func (e *estate) path(name string) string { return filepath.Join(e.dir, filepath.FromSlash(name)) }

// rsaKey makes a key in a file.
func (e *estate) rsaKey(t *testing.T, name string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, e.path(name), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// env is the settings, with some changed ("" leaves one out).
func (e *estate) env(change map[string]string) []string {
	all := maps.Clone(e.settings)
	maps.Copy(all, change)
	var env []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			env = append(env, name+"="+all[name])
		}
	}
	return env
}

// run runs a command of the program to its end.
func (e *estate) run(t *testing.T, change map[string]string, args ...string) said {
	t.Helper()
	return command{env: e.env(change), args: args}.run(t)
}

// process is one long-running command.
type process struct {
	name string
	addr string
	cmd  *exec.Cmd
	log  *transcript
	over chan struct{} // closed when it ended
	err  error         // of Wait, once over
}

// transcript is what a process wrote so far.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts a command at addr, or one that does not answer where addr is
// empty, and waits until it is ready. It is killed when the test ends.
func (e *estate) start(t *testing.T, addr string, args ...string) *process {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: fmt.Sprint(args, " at ", addr), addr: addr, log: &transcript{}, over: make(chan struct{})}
	p.cmd = exec.Command(bin, args...)
	p.cmd.Env = append(e.env(map[string]string{"BODE_LISTEN": addr}), "HOME="+e.dir)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.over) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.over
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, p.log)
		}
	})
	if err := eventually(t.Context(), p.ready); err != nil {
		t.Fatalf("%s: %v\n%s", p.name, err, p.log)
	}
	return p
}

func (p *process) ready() (bool, error) {
	select {
	case <-p.over:
		return false, fmt.Errorf("it ended: %w", p.err)
	default:
	}
	if p.addr == "" {
		return bytes.Contains([]byte(p.log.String()), []byte(`"msg":"working"`)), nil
	}
	resp, err := http.Get("http://" + p.addr + "/readyz")
	if err != nil {
		return false, nil
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent, nil
}

// stop tells a process to stop and fails the test unless it ends well in time.
func (p *process) stop(t *testing.T, within time.Duration) {
	t.Helper()
	p.signal(t)
	p.ends(t, within)
}

func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}

func (p *process) ends(t *testing.T, within time.Duration) {
	t.Helper()
	began := time.Now()
	select {
	case <-p.over:
	case <-time.After(within):
		t.Fatalf("%s: still running %s after it was told to stop", p.name, within)
	}
	if p.err != nil {
		t.Errorf("%s: ended with %v", p.name, p.err)
	}
	t.Logf("%s: ended in %s", p.name, time.Since(began).Round(time.Millisecond))
}

// closed reports whether nobody takes connections at the address any more.
func (p *process) closed() (bool, error) {
	c, err := net.DialTimeout("tcp", p.addr, time.Second)
	if err != nil {
		return true, nil
	}
	return false, c.Close()
}

// otherLog is a folder of anchors with the key of another log.
func (e *estate) otherLog(t *testing.T) string {
	t.Helper()
	dir := e.path("other-trust")
	if err := os.CopyFS(dir, os.DirFS(e.path("trust"))); err != nil {
		t.Fatal(err)
	}
	key, err := tlog.GenerateKey(e.path("other.key"), "bode.example/log")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "log.pub"), key.Public()+"\n")
	return dir
}
