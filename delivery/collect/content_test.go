package collect_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity/identitytest"
)

// A GET proves nothing: not one row of any table differs after every page there
// is was fetched, at every place on the way.
func TestNoGetWritesAnything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.proofs.seal()
	d := r.message()
	b := r.browser()
	fetch := func(at string, more ...string) {
		t.Helper()
		before := r.everything()
		for _, p := range append([]string{"", "/codes", "/check", "/identify", "/mismatch", "/decide", "/accept", "/refuse", "/read", "/open",
			"/documents/1", "/all", "/done", "/dossier", "/evidence/" + evidence.NewID() + ".pdf"}, more...) {
			for _, lang := range []string{"", "?lang=fr"} {
				b.get(r.link(d) + p + lang)
			}
			q := must(http.NewRequestWithContext(t.Context(), http.MethodHead, r.link(d)+p, nil))(t)
			b.send(q)
		}
		if after := r.everything(); after != before {
			t.Errorf("at %s a GET wrote\nbefore %s\nafter  %s", at, before, after)
		}
		b.get(r.link(d) + "?lang=nl")
	}
	fetch("start")
	b.submit("/codes", nil)
	fetch("codes")
	b.coded(d)
	fetch("identify")
	b.get(r.link(d) + "/identify").answered(identitytest.Choice{Person: "lotte"})
	callback, action, fields := b.at.RequestURI(), "", map[string][]string(nil)
	action, fields = b.form("/finish")
	fetch("callback", strings.Repeat("/..", 2)+callback)
	b.post(action, fields).want(http.StatusOK, "/decide")
	fetch("decide")
	b.get(r.link(d)+"/decide").submit("/accept", nil)
	fetch("read")
	b.get(r.link(d)+"/read").submit("/all", nil)
	r.handedOver(d)
	pieces := must(r.proofs.List(t.Context(), r.account, string(d.ID)))(t)
	fetch("received", "/evidence/"+pieces[0].ID+".xml", "/evidence/"+pieces[0].ID+".pdf")
}

// everything is a digest of every row of every table.
func (r *rig) everything() string {
	r.t.Helper()
	rows, err := r.pool.Query(r.t.Context(), `SELECT format('SELECT %L || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '''')) FROM %I.%I t', c.relname || ' ', n.nspname, c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY c.relname`)
	r.must(err)
	var queries []string
	for rows.Next() {
		var q string
		r.must(rows.Scan(&q))
		queries = append(queries, q)
	}
	r.must(rows.Err())
	if len(queries) < 10 {
		r.t.Fatalf("only %d tables", len(queries))
	}
	var all []string
	for _, q := range queries {
		var s string
		r.must(r.pool.QueryRow(r.t.Context(), q).Scan(&s))
		all = append(all, s)
	}
	return strings.Join(all, "\n")
}

// altering is a vault that, once armed, gives content with one bit changed.
type altering struct {
	delivery.Vault
	at atomic.Int64 // 1-based octet; 0: nothing
}

func (a *altering) Open(ctx context.Context, s delivery.Stored) (io.ReadCloser, error) {
	r, err := a.Vault.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	return &altered{r, a.at.Load()}, nil
}

type altered struct {
	io.ReadCloser
	left int64
}

func (a *altered) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if a.left > 0 && a.left <= int64(n) {
		p[a.left-1] ^= 1
	}
	a.left -= int64(n)
	return n, err
}

// What was altered never arrives whole, is never recorded as received, and is
// recorded as failed.
func TestAlteredContent(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		path  string
		lines int // of the document
		at    int64
		cut   bool // the connection, because part of it went out
	}{
		"large document, last octet":  {"/documents/1", 40_000, 800_000, true},
		"large document, first octet": {"/documents/1", 40_000, 1, true},
		"small document":              {"/documents/1", 10, 7, false},
		"archive":                     {"/all", 40_000, 400_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.message(func(s *delivery.Submission) {
				s.Documents = []string{r.upload("brief.pdf", "application/pdf", content(x.lines))}
			})
			b := r.browser().accepted(d)
			r.vault.at.Store(x.at)
			action, _ := b.form(x.path)
			resp := must(b.client.Do(must(http.NewRequestWithContext(t.Context(), http.MethodPost, action, nil))(t)))(t)
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			switch {
			case x.cut && err == nil:
				t.Errorf("%d octets came and the end looked right", len(got))
			case !x.cut && (err != nil || resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(got), "Dit document is beschadigd") ||
				resp.Header.Get("Content-Disposition") != "" || strings.Contains(resp.Header.Get("Content-Security-Policy"), "sandbox")):
				t.Errorf("%d %v %v %.300s", resp.StatusCode, err, resp.Header, got)
			}
			if len(got) >= x.lines*20 && x.path != "/all" && x.cut {
				t.Error("as many octets came as the document has")
			}
			r.becomes(d, func(d delivery.Delivery) bool { return slices.Contains(r.events(d), evidence.ContentHandoverFailure) })
			r.nothingTaken(d)
			// What comes out right later still counts.
			r.vault.at.Store(0)
			b.post(action, nil)
			r.becomes(d, func(d delivery.Delivery) bool { return d.Got(1) })
		})
	}
}

func (r *rig) nothingTaken(d delivery.Delivery) {
	r.t.Helper()
	if now := r.again(d); len(now.Taken) != 0 || now.State != delivery.Consigned || slices.Contains(r.events(d), evidence.ContentAccessTracking) {
		r.t.Errorf("taken %v, state %s", now.Taken, now.State)
	}
}

// The objects themselves, altered or gone, on the disk.
func TestDamagedVault(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string, b []byte) error{
		"bit":  func(path string, b []byte) error { b[len(b)-1] ^= 1; return os.WriteFile(path, b, 0o600) },
		"cut":  func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)/2], 0o600) },
		"gone": func(path string, _ []byte) error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.message()
			b := r.browser().accepted(d)
			r.must(filepath.WalkDir(r.objects, func(path string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				read, err := os.ReadFile(path)
				return errors.Join(err, os.Chmod(path, 0o600), damage(path, read))
			}))
			for _, path := range []string{"/documents/1", "/documents/2", "/all"} {
				action, _ := b.form(path)
				resp := must(b.client.Do(must(http.NewRequestWithContext(t.Context(), http.MethodPost, action, nil))(t)))(t)
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err == nil && resp.StatusCode == http.StatusOK || bytes.Contains(got, content(20_000)) {
					t.Errorf("%s: %d, %d octets, %v", path, resp.StatusCode, len(got), err)
				}
			}
			r.nothingTaken(d)
		})
	}
}

// Who hangs up before the end has not received.
func TestBrokenDownload(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(func(s *delivery.Submission) {
		s.Documents = []string{r.upload("groot.pdf", "application/pdf", content(1_500_000))} // 30 MB: more than sockets hold
	})
	b := r.browser().accepted(d)
	for _, path := range []string{"/documents/1", "/all"} {
		action, _ := b.form(path)
		q := must(http.NewRequestWithContext(t.Context(), http.MethodPost, action, nil))(t)
		resp := must(b.client.Do(q))(t)
		must(io.ReadFull(resp.Body, make([]byte, 1000)))(t)
		resp.Body.Close()
	}
	// Once more, to the end: only this counts.
	b.submit("/documents/1", nil)
	r.taken(d, 1)
	n := 0
	for _, name := range r.events(d) {
		if name == evidence.ContentAccessTracking {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d transfers recorded", n)
	}
}

// Names and texts are the sender's: they stay text, whatever they hold.
func TestHostileContent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const script = `<script>alert(1)</script>`
	name := `a"; filename=evil.exe fdp.é<img src=x onerror=alert(1)>.html`
	d := r.message(func(s *delivery.Submission) {
		s.Subject, s.Body = script, "{sender} "+script+"\n\n"+script
		s.Documents = []string{r.upload(name, "text/html", []byte(script))}
	})
	b := r.browser().accepted(d).hides("<script>alert", "<img src=x")
	b.submit("/open", nil).hides("<script>alert").shows("{sender} <script>alert(1)</script>")
	b.submit("/documents/1", nil)
	if got := b.header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("type %q", got)
	}
	if got := b.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || strings.Contains(got, `"; filename=evil`) {
		t.Errorf("disposition %q", got)
	}
	b.get(r.link(d)+"/read").submit("/all", nil)
	z := must(zip.NewReader(bytes.NewReader([]byte(b.body)), int64(len(b.body))))(t)
	if got := z.File[1].Name; got != name {
		t.Errorf("name in the archive %q", got)
	}
}

func TestDocumentsThatDoNotExist(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().accepted(d)
	for _, n := range []string{"0", "3", "-1", "1x", "99999999999999999999", "%2e%2e"} {
		if b.post(r.link(d)+"/documents/"+n, nil); b.status != http.StatusNotFound {
			t.Errorf("%s: %d", n, b.status)
		}
	}
	if got := r.again(d); len(got.Taken) != 0 {
		t.Errorf("taken %v", got.Taken)
	}
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, other := r.message(), r.message()
	foreign := must(r.proofs.List(t.Context(), r.account, string(other.ID)))(t)[0]
	b := r.browser().accepted(d).submit("/all", nil)
	mine := must(r.proofs.List(t.Context(), r.account, string(d.ID)))(t)[0]
	// Not made yet.
	b.get(r.link(d)+"/evidence/"+mine.ID+".pdf").want(http.StatusConflict, ".pdf").shows("nog niet klaar")
	b.get(r.link(d)+"/dossier").want(http.StatusConflict, "/dossier").shows("nog niet klaar")
	if b.header.Get("Retry-After") == "" || b.header.Get("Content-Disposition") != "" {
		t.Errorf("headers %v", b.header)
	}
	r.proofs.seal()
	for ext, kind := range map[string]string{"pdf": "application/pdf", "xml": "application/xml"} {
		b.get(r.link(d)+"/evidence/"+mine.ID+"."+ext).want(http.StatusOK, ext)
		if b.body != "sealed "+ext || b.header.Get("Content-Type") != kind || !strings.Contains(b.header.Get("Content-Disposition"), d.Message.Number+"-1-SubmissionAcceptance."+ext) {
			t.Errorf("%s: %q %v", ext, b.body, b.header)
		}
	}
	for _, file := range []string{foreign.ID + ".pdf", evidence.NewID() + ".xml", mine.ID, mine.ID + ".exe", mine.ID + ".PDF", strings.ToUpper(mine.ID) + ".pdf",
		"{" + mine.ID + "}.pdf", "' OR 1=1--.pdf", ".pdf"} {
		q := must(http.NewRequestWithContext(t.Context(), http.MethodGet, r.link(d)+"/evidence/", nil))(t)
		q.URL.Path += file
		if b.send(q); b.status != http.StatusNotFound {
			t.Errorf("%s: %d %.100s", file, b.status, b.body)
		}
	}
	b.get(r.link(d)+"/dossier").want(http.StatusOK, "/dossier")
	if b.body != "dossier of "+string(d.ID) || b.header.Get("Content-Type") != "application/vnd.etsi.asic-e+zip" {
		t.Errorf("dossier %q %v", b.body, b.header)
	}
	// With the content inside it is one more transfer of every part.
	before := len(r.events(d))
	b.get(r.link(d)+"/done").submit("/dossier", nil).want(http.StatusOK, "/dossier")
	if !strings.HasPrefix(b.body, "dossier of "+string(d.ID)) || !strings.Contains(b.body, "hierbij zeggen wij de huur") {
		t.Errorf("dossier with content begins %.100q", b.body)
	}
	if n := len(r.events(d)); n != before+len(d.Message.Parts) {
		t.Errorf("%d more events, want one for each of %d parts", n-before, len(d.Message.Parts))
	}
	r.proofs.mu.Lock()
	r.proofs.broken = errors.New("disk")
	r.proofs.mu.Unlock()
	q := must(http.NewRequestWithContext(t.Context(), http.MethodGet, r.link(d)+"/dossier", nil))(t)
	if resp, err := b.client.Do(q); err == nil {
		if _, err = io.ReadAll(resp.Body); err == nil {
			t.Error("half a dossier looked whole")
		}
		resp.Body.Close()
	}
}

// Until the end of retention, another browser can read again, after codes and
// identification, and nothing can be undone.
func TestReadAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	r.browser().accepted(d).submit("/all", nil)
	r.handedOver(d)
	b := r.browser().get(r.link(d)).want(http.StatusOK, "").shows("opnieuw lezen").hides(secretSubject, secretFile)
	b.identified(d).want(http.StatusOK, "/read").shows(secretSubject, "U hebt alles ontvangen op")
	b.submit("/open", nil).shows("hierbij zeggen wij de huur")
	b.post(r.link(d)+"/refuse", nil).want(http.StatusOK, "/read")
	if got := r.again(d); got.State != delivery.HandedOver {
		t.Errorf("state %s", got.State)
	}
	// Somebody else with the link and both codes is still nobody.
	r.browser().coded(d).answered(identitytest.Choice{Person: "karim"}).submit("/finish", nil).want(http.StatusForbidden, "/mismatch").hides(secretSubject)
}

func TestCookiesAndHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.get(r.link(d))
	for header, want := range map[string]string{"Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"} {
		if got := b.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if got := b.header.Values("Set-Cookie"); len(got) != 0 {
		t.Errorf("the start page sets %v", got)
	}
	b.post(r.link(d)+"/codes", nil)
	cookie := b.header.Get("Set-Cookie")
	for _, want := range []string{"bode_collect_", "Path=/;", "HttpOnly", "SameSite=Lax", "Max-Age=3600"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	_, token, _ := strings.Cut(r.link(d), "/c/")
	if strings.Contains(cookie, token) {
		t.Error("the cookie holds the link")
	}
}
