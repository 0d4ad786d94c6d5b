package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery"
)

// stopWithin is how long a process may take from SIGTERM to its end.
const stopWithin = 15 * time.Second

// TestDoctor holds that a complete configuration passes, and that of each
// setting left out doctor says which, with the exit status of a failure.
func TestDoctor(t *testing.T) {
	t.Parallel()
	e := newEstateOn(t, false)
	e.run(t, nil, "doctor").expect(t, "not migrated", 1, "run bode migrate")
	e.run(t, nil, "serve").expect(t, "serve, not migrated", 1, "run bode migrate")
	e.run(t, nil, "migrate").expect(t, "migrate", 0)
	e.run(t, nil, "migrate").expect(t, "migrate again", 0)
	e.run(t, nil, "doctor").expect(t, "complete", 0, "not qualified")
	for name, want := range map[string]string{
		"DATABASE_URL": "--database", "BODE_BASE_URL": "--base-url", "BODE_SECRETS": "--secrets", "BODE_KEYS": "--keys",
		"BODE_CONTENT_DIR": "--content-dir", "BODE_SMTP_ADDR": "--smtp-addr", "BODE_SMTP_FROM": "--smtp-from",
		"BODE_SMS_URL": "--sms-url", "BODE_LOGIN_ISSUER": "--login-issuer", "BODE_LOGIN_CLIENT": "--login-issuer",
		"BODE_LOGIN_SIGN": "--login-sign", "BODE_LOGIN_DECRYPT": "--login-sign", "BODE_SEAL_KEY": "--seal-key",
		"BODE_SEAL_CERT": "--seal-key", "BODE_SEAL_TSA": "--seal-tsa", "BODE_SEAL_TRUST": "--seal-trust", "BODE_SEAL_LOG_KEY": "--seal-log-key",
		"BODE_ISSUER_NAME": "--issuer-", "BODE_ISSUER_POLICY": "--issuer-", "BODE_POST_PARTNER": "--post-partner",
		"BODE_SEAL_ALLOW_FILE_KEY": "a key in a file is not allowed",
	} {
		s := e.run(t, map[string]string{name: ""}, "doctor")
		s.expect(t, "without "+name, 1, "MISSING", want)
		e.run(t, map[string]string{name: ""}, "serve").expect(t, "serve without "+name, 1, want)
	}
	for name, c := range map[string]struct{ setting, value, want string }{
		"nobody at the database":  {"DATABASE_URL", "postgres://x@127.0.0.1:1/x", "database does not answer"},
		"no provider":             {"BODE_LOGIN_ISSUER", "http://127.0.0.1:1/v2", "identification with itsme"},
		"a provider in clear":     {"BODE_LOGIN_ISSUER", "http://login.example", "login"},
		"links in clear":          {"BODE_BASE_URL", "http://bode.example", "--base-url"},
		"mail in clear":           {"BODE_SMTP_ADDR", "mail.example:25", "notify"},
		"another key's cert":      {"BODE_SEAL_KEY", e.settings["BODE_LOGIN_SIGN"], "another key"},
		"anchors elsewhere":       {"BODE_SEAL_TRUST", e.path("post"), "ca.pem"},
		"another log's key":       {"BODE_SEAL_TRUST", e.otherLog(t), "log.pub"},
		"an event that is none":   {"BODE_SEAL_EACH", "Contract", "--seal-each"},
		"a witness without a key": {"BODE_SEAL_WITNESSES", "http://127.0.0.1:1", "--seal-witnesses"},
		"a claim without grounds": {"BODE_ISSUER_QUALIFIED", "true", "--issuer-"},
		"no cards in the folder":  {"BODE_EID_ANCHORS", e.path("post"), "login: eid"},
		"half a host for cards":   {"BODE_EID_CARD_URL", "https://eid.example/card", "--eid-card-url"},
		"half a wallet":           {"BODE_WALLET_CERT", e.path("seal/cert.pem"), "--wallet-cert"},
		"a cut-off tomorrow":      {"BODE_POST_CUTOFF", "25h", "--post-cutoff"},
		"printed some day":        {"BODE_POST_DAYS", "31", "--post-days"},
		"followed in clear":       {"BODE_POST_TRACK", "http://post.example/{tracking}", "--post-track"},
		"followed without number": {"BODE_POST_TRACK", "https://post.example/", "--post-track"},
		"statements unasked":      {"BODE_STATEMENT_ANCHORS", e.path("trust"), "--statement-responders"},
		"a provider half named":   {"BODE_FAS_ISSUER", "https://fas.example", "--fas-client"},
		"a policy that is none":   {"BODE_ASSURANCE", e.path("sms-token"), "assurance"},
		"a key that was retired":  {"BODE_LOGIN_RETIRED", e.settings["BODE_LOGIN_DECRYPT"], "--login-retired"},
	} {
		e.run(t, map[string]string{c.setting: c.value}, "doctor").expect(t, name, 1, "MISSING", c.want)
	}
}

// TestServe runs the real thing as three processes on one database: two that
// answer, one that only works. One dies by kill -9, the others are told to stop
// one after the other; nothing is lost and nothing is done twice.
func TestServe(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.run(t, nil, "migrate").expect(t, "migrate", 0)
	e.run(t, nil, "doctor").expect(t, "doctor", 1, "fsync is off", "synchronous_commit is off", "1 things are missing")
	account := e.run(t, nil, opening(writeFile(t, e.path("password"), goodPassword))...).field(t, "account")
	key := strings.TrimSpace(e.run(t, nil, "account", "key", account, "--mode", "live", "--name", "ERP").out)
	pool, err := pgxpool.New(t.Context(), e.database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)

	both, other, worker := e.start(t, e.listen, "serve"), e.start(t, freeAddr(t), "serve", "--no-work"), e.start(t, "", "worker")
	at := func(p *process) outsider {
		return outsider{info: info{BaseURL: "http://" + p.addr, CatcherURL: e.catcher.URL(), TestKey: key}, client: &http.Client{Timeout: time.Minute}}
	}
	p := &player{outsider: at(both), files: map[string][]byte{"groot.bin": make([]byte, 24<<20)}}
	rand.Read(p.files["groot.bin"]) // more than what lies in buffers between two ends of a connection
	if err := p.register(t.Context()); err != nil {
		t.Fatal(err)
	}
	var seen struct{ ID, Number string }
	if err := at(other).call(t.Context(), http.MethodGet, "/messages/"+p.message, nil, &seen); err != nil || seen.Number != p.number {
		t.Errorf("through the other: %+v, %v; want number %s", seen, err, p.number)
	}
	if err := p.state(t.Context(), 0, delivery.Notified); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{cast[0].email, cast[0].mobile} {
		if _, err := p.mail(t.Context(), to, announces); err != nil {
			t.Error(err)
		}
	}

	killMidway(t, pool, worker, at(both), at(other))
	download(t, p, both)
	// What the stopped one left is for a new worker: the other only answers.
	again := e.start(t, "", "worker")
	if err := (&player{outsider: at(other), delivered: p.delivered}).state(t.Context(), 0, delivery.HandedOver); err != nil {
		t.Error(err)
	}
	sealedOnce(t, pool)
	again.stop(t, stopWithin)
	other.stop(t, stopWithin)
	// A notice in doubt may have been sent between the last look and the stop:
	// its evidence then waits for the next worker, which is no fault.
	e.run(t, nil, "fsck").expect(t, "fsck", 0, "; 0 faults")
	for _, x := range []*process{both, other, again} {
		if strings.Contains(x.log.String(), key) {
			t.Errorf("%s: the key is in its log", x.name)
		}
	}
}

// register uploads the documents of a player and submits one message to the
// first of the cast.
func (p *player) register(ctx context.Context) error {
	var ids []string
	for name, content := range p.files {
		id, err := p.upload(ctx, name, "application/octet-stream", content)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	var m struct {
		ID, Number string
		Deliveries []struct{ ID string }
	}
	c := cast[0]
	if err := p.call(ctx, http.MethodPost, "/messages", map[string]any{
		"subject": "Test", "body": "Test", "documents": ids, "policy": map[string]any{"fallback": "none"},
		"recipients": []map[string]any{{"name": map[string]string{"given": c.given, "family": c.family}, "email": c.email,
			"mobile": c.mobile, "language": c.language}},
	}, &m); err != nil {
		return err
	}
	p.message, p.number, p.delivered = m.ID, m.Number, []string{m.Deliveries[0].ID}
	return nil
}

// killMidway kills a worker while there is work for two; another goes on until
// every event has its evidence.
func killMidway(t *testing.T, pool *pgxpool.Pool, worker *process, faces ...outsider) {
	t.Helper()
	const messages = 40
	posted := make(chan error, messages)
	for i := range messages {
		go func() {
			_, err := faces[i%len(faces)].post(t.Context(), fmt.Sprintf("m%d", i))
			posted <- err
		}()
	}
	// Both who work have jobs under way: the worker dies in the middle of some.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for count1(t, pool, `SELECT count(DISTINCT attempted_by[array_length(attempted_by, 1)]) FROM river_job WHERE state = 'running'`) < 2 {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("nobody works")
		}
	}
	worker.cmd.Process.Kill()
	<-worker.over
	for range messages {
		if err := <-posted; err != nil {
			t.Fatal(err)
		}
	}
	left := count1(t, pool, `SELECT count(*) FROM erds_event LEFT JOIN evidence v USING (delivery_id, seq) WHERE v.sealed_at IS NULL`)
	t.Logf("killed with %d pieces unsealed", left)
	if err := eventually(t.Context(), func() (bool, error) {
		return count1(t, pool, `SELECT count(*) FROM river_job WHERE state = 'available'`) == 0, nil
	}); err != nil {
		t.Fatal(err)
	}
	inherit(t, pool, worker.cmd.Process.Pid)
	sealedOnce(t, pool)
	doubt := count1(t, pool, `SELECT count(*) FROM delivery WHERE state = 'submitted'`)
	told := count1(t, pool, `SELECT count(*) FROM delivery WHERE state = 'notified'`)
	if doubt+told != messages+1 || doubt > 16 {
		t.Errorf("%d deliveries are notified and %d in doubt, of %d", told, doubt, messages+1)
	}
	t.Logf("%d notified, %d in doubt", told, doubt)
}

// inherit lets the five minutes pass after which the jobs of process pid, which
// died, are given to another.
func inherit(t *testing.T, pool *pgxpool.Pool, pid int) {
	t.Helper()
	tag, err := pool.Exec(t.Context(), `UPDATE river_job SET attempted_at = attempted_at - interval '6 minutes'
		WHERE state = 'running' AND attempted_by[array_length(attempted_by, 1)] LIKE '%' || $1 || '%'`, instanceMark(pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of its jobs were under way", tag.RowsAffected())
}

// sealedOnce waits until every event has one piece of evidence, whole.
func sealedOnce(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	missing := int64(-1)
	for range 3 { // jobs of the dead are looked for twice a minute
		err := eventually(t.Context(), func() (bool, error) {
			missing = count1(t, pool, `SELECT count(*) FROM erds_event e LEFT JOIN evidence v ON v.id = e.id AND v.sealed_at IS NOT NULL WHERE v.id IS NULL`)
			return missing == 0, nil
		})
		if err == nil {
			break
		}
	}
	if missing != 0 {
		t.Fatalf("%d events have no evidence", missing)
	}
	events, pieces := count1(t, pool, `SELECT count(*) FROM erds_event`), count1(t, pool, `SELECT count(*) FROM evidence`)
	if events != pieces {
		t.Errorf("%d pieces of evidence for %d events", pieces, events)
	}
	t.Logf("%d events, each sealed once", events)
}

func count1(t *testing.T, pool *pgxpool.Pool, sql string) (n int64) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// download takes the message of p slowly from a process that is told to stop
// meanwhile: it takes no new connection, and what is under way arrives whole.
func download(t *testing.T, p *player, from *process) {
	t.Helper()
	b, err := p.arrive(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.submit(t.Context(), "/accept", nil); err != nil {
		t.Fatal(err)
	}
	slow := &slowReader{begun: make(chan struct{}), goOn: make(chan struct{})}
	saved := make(chan error, 1)
	go func() { saved <- b.save(t.Context(), "/all", slow) }()
	select {
	case <-slow.begun:
	case err := <-saved:
		t.Fatalf("the download ended before it was slow: %v", err)
	}
	from.signal(t)
	told := time.Now()
	if err := eventually(t.Context(), from.closed); err != nil {
		t.Errorf("new connections are taken: %v", err)
	}
	select {
	case <-from.over:
		t.Fatalf("it ended while a download was under way: %v", from.err)
	case <-time.After(2 * time.Second): // longer than what works takes to stop, shorter than the grace
	}
	close(slow.goOn)
	if err := <-saved; err != nil {
		t.Fatalf("the download was cut off: %v", err)
	}
	from.ends(t, stopWithin-time.Since(told))
	z, err := zip.NewReader(bytes.NewReader(slow.b.Bytes()), int64(slow.b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range p.files {
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s came out different: %v", filepath.Base(name), err)
		}
	}
}

// slowReader takes the first octets and then nothing until it may go on.
type slowReader struct {
	b           bytes.Buffer
	once        sync.Once
	begun, goOn chan struct{}
}

func (s *slowReader) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.goOn
	return s.b.Write(p)
}
