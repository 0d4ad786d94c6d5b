package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Every state, with every way a browser can come to it, has one page.
func TestWhere(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	codes := delivery.Collecting{EmailAt: now, SMSAt: now}
	shown := map[string]visit{
		"nothing":    {},
		"session":    {known: true},
		"one code":   {known: true, shown: delivery.Collecting{EmailAt: now}},
		"codes":      {known: true, shown: codes},
		"identified": {known: true, shown: delivery.Collecting{EmailAt: now, SMSAt: now, Actor: &identity.Actor{}}},
	}
	onWay := map[string]place{"nothing": atStart, "session": atCodes, "one code": atCodes, "codes": atIdentify}
	for _, s := range delivery.States {
		for name, v := range shown {
			want := atStart
			switch s {
			case delivery.Notified:
				if want = onWay[name]; name == "identified" {
					want = atDecide
				}
			case delivery.Accepted, delivery.Consigned, delivery.HandedOver:
				if want = onWay[name]; name == "identified" {
					want = atRead
				}
			case delivery.Rejected:
				if name == "identified" {
					want = atDone
				}
			}
			v.now, v.d = now, delivery.Delivery{State: s, RespondBy: now.Add(time.Microsecond)}
			if got := v.where(); got != want {
				t.Errorf("%s, %s: %q, want %q", s, name, got, want)
			}
			v.d.RespondBy = now // the first instant at which it is too late
			if got := v.where(); s == delivery.Notified && got != atStart {
				t.Errorf("late, %s: %q", name, got)
			}
			v.d.RespondBy, v.d.Message.PurgedAt = now.Add(time.Hour), now
			if got := v.where(); got == atRead || got == atCodes || got == atIdentify {
				t.Errorf("removed, %s, %s: %q", s, name, got)
			}
		}
	}
}

func words(t *testing.T) map[string]string {
	t.Helper()
	b, err := wordFiles.ReadFile("words/nl.json")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOverHasWords(t *testing.T) {
	t.Parallel()
	now, have := time.Now(), words(t)
	for _, s := range delivery.States {
		for _, f := range []delivery.Fallback{delivery.FallbackPost, delivery.FallbackNone} {
			v := visit{now: now, d: delivery.Delivery{State: s, RespondBy: now, Message: delivery.Message{Policy: delivery.Policy{Fallback: f}}}}
			key := v.over()
			if key != "" && have["say."+key+".title"] == "" {
				t.Errorf("%s: no words for %q", s, key)
			}
			if ends := s != delivery.Submitted && s != delivery.Accepted && s != delivery.Consigned && s != delivery.HandedOver; ends != (key != "") {
				t.Errorf("%s after the window: %q", s, key)
			}
			if strings.Contains(have["say."+key+".title"], "post") && f == delivery.FallbackNone && s == delivery.Expired {
				t.Errorf("%s promises a letter that nobody prints", key)
			}
		}
	}
}

// Every page that only says something can be said in every language, with and
// without an item; and every word is used by some page or command.
func TestEveryWordIsSaid(t *testing.T) {
	t.Parallel()
	w, err := web.New(web.Config{BaseURL: "https://bode.example"})
	if err != nil {
		t.Fatal(err)
	}
	if err := addPages(w); err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, dir := range []fs.FS{pageFiles} {
		files, _ := fs.Glob(dir, "pages/*.html")
		for _, f := range files {
			b, _ := fs.ReadFile(dir, f)
			source.Write(b)
		}
	}
	for key := range words(t) {
		stem, isTitle := strings.CutSuffix(key, ".title")
		if said, ok := strings.CutPrefix(stem, "say."); ok && isTitle {
			for _, lang := range web.Languages() {
				for _, i := range []*item{nil, {Sender: "Immo <Zilverlinde>", Path: "/c/x"}} {
					x := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/c/x?lang="+lang, nil), httptest.NewRecorder())
					w.Prefer(x, lang)
					err := w.Render(x, http.StatusOK, "collect/message", page{Item: i, Body: message{Key: said, Next: "/c/x", Facts: i != nil}})
					body := x.Response().Writer.(*httptest.ResponseRecorder).Body.String()
					if err != nil || i != nil && strings.Contains(body, "{") || strings.Contains(body, "<Zilverlinde>") {
						t.Errorf("%s in %s: %v\n%s", said, lang, err, body)
					}
				}
			}
			continue
		}
		known := strings.Contains(source.String(), `"`+strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")+`"`)
		for _, built := range []string{"about", "say.", "fault.", "field.", "hint.", "kind.", "email_code.", "sms_code."} {
			known = known || strings.HasPrefix(key, built)
		}
		if !known {
			t.Errorf("no page says %q", key)
		}
	}
}

func TestCleanCode(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "123-456": "123456", "123\u00a0456": "123456", "123.456": "123456",
		"": "", "   ": "", "12345": "12345", "1234567": "1234567", "12345a": "x", "１２３４５６": "x", "+12345": "x", "0x1234": "x", "1_2345": "x",
		"123456789012345678901": "x",
	} {
		if got := cleanCode(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"lotte@example.be": "l•••@example.be", "é@b.be": "é•••@b.be", "@b.be": "•••", "": "•••"} {
		if got := maskEmail(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"+32470123456": "+32 ••• •• 56", "+3212": "•••", "": "•••"} {
		if got := maskMobile(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCompanyNumber(t *testing.T) {
	t.Parallel()
	for want, id := range map[string]evidence.Identifier{
		"0403.170.701": {Scheme: "BE:KBO", Value: "0403170701"},
		"123":          {Scheme: "BE:KBO", Value: "123"},
		"B12345":       {Scheme: "LU:RCS", Value: "B12345"},
	} {
		if got := companyNumber(id); got != want {
			t.Errorf("%v: %q", id, got)
		}
	}
	for _, id := range []evidence.Identifier{{}, {Scheme: "mailto", Value: "an@example.be"}, {Scheme: "bode:account", Value: "x"}} {
		if got := companyNumber(id); got != "" {
			t.Errorf("%v: %q", id, got)
		}
	}
}

func TestSafeType(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"application/pdf": "application/pdf", "image/png": "image/png", "text/plain; charset=utf-8": "text/plain; charset=utf-8",
		"text/html": "", "TEXT/HTML": "", "application/xhtml+xml": "", "image/svg+xml": "", "text/xml": "", "application/javascript": "",
		"text/javascript": "", "application/ecmascript": "", "": "", "x": "", "text/html\r\nSet-Cookie: a=b": "",
	} {
		if want == "" {
			want = "application/octet-stream"
		}
		if got := safeType(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestDispositionStaysOneHeader(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.pdf", "é.pdf", `a"b\c.pdf`, "a\r\nSet-Cookie: x=y.pdf", "a;filename=b.exe", "\u202efdp.exe", strings.Repeat("x", 500), ""} {
		got := disposition(name)
		if !strings.HasPrefix(got, "attachment") || strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestArchiveNamesDiffer(t *testing.T) {
	t.Parallel()
	var parts []evidence.Part
	for _, n := range []string{"message.txt", "Message.txt", "a.pdf", "A.PDF", "a (2).pdf", "a.pdf", "noext", "noext", ".x", ".x"} {
		parts = append(parts, evidence.Part{Name: n})
	}
	seen := map[string]bool{}
	for i, n := range archiveNames(parts) {
		if seen[strings.ToLower(n)] || n == "" {
			t.Errorf("%d: %q twice", i, n)
		}
		seen[strings.ToLower(n)] = true
	}
}

func TestCopyChecked(t *testing.T) {
	t.Parallel()
	bad := errors.New("altered")
	for _, n := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 2 * blockSize, 5*blockSize + 3} {
		want := bytes.Repeat([]byte{7}, n)
		for name, wrap := range map[string]func(io.Reader) io.Reader{"as it is": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "eof with data": iotest.DataErrReader} {
			var b bytes.Buffer
			if err := copyChecked(&b, wrap(bytes.NewReader(want))); err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%d %s: %d octets, %v", n, name, b.Len(), err)
			}
			// The complaint comes with or after the last octet: it never goes out whole.
			b.Reset()
			err := copyChecked(&b, wrap(io.MultiReader(bytes.NewReader(want), iotest.ErrReader(bad))))
			if !errors.Is(err, bad) || n > 0 && b.Len() >= n {
				t.Errorf("%d %s, altered: %d octets went out, %v", n, name, b.Len(), err)
			}
		}
	}
	full := errors.New("full")
	if err := copyChecked(failing{full}, bytes.NewReader(make([]byte, 3*blockSize))); !errors.Is(err, full) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestNewRefusesHalfAConfig(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil {
		t.Error("no error")
	}
}
