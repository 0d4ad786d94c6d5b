package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp/totp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

// heard is what a program wrote to its log. Safe for concurrent use.
type heard struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *heard) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *heard) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// canaries is the demonstration with everything logged and traced.
func canaries(t *testing.T) (p *player, log *heard, spans *tracetest.InMemoryExporter) {
	t.Helper()
	log = &heard{}
	lines := slog.New(tracedLog{slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})})
	tr, spans := traced(1)
	d := &demo{dir: openDir(t), done: make(chan error, 1)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.base = "http://" + l.Addr().String()
	if d.stands, err = startStandIns(d.dir, d.base, discard()); err != nil { // theirs is not our log
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.stands.Close() })
	out, err := d.stands.outside(d.dir, d.base, lines)
	if err != nil {
		t.Fatal(err)
	}
	out.tracing = tr
	pool := pgtest.New(t, identity.Wall, func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = sqlTracer{tr} })
	if d.app, err = build(pool, out, lines); err != nil {
		t.Fatal(err)
	}
	if d.seeds, err = seed(t.Context(), d.app, d.dir); err != nil {
		t.Fatal(err)
	}
	if err := d.app.seedLists(t.Context(), d.seeds, d.stands.hook.url); err != nil {
		t.Fatal(err)
	}
	mails, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.smtp = mails.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- together(ctx, func(ctx context.Context) error { return d.app.answer(ctx, l) },
			func(ctx context.Context) error { return d.app.submission(ctx, mails, nil, "") }, d.app.work)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("service: %v", err)
		}
		d.app.codes.Close()
	})
	return &player{outsider: outsider{info: d.info(), client: &http.Client{Timeout: 2 * time.Minute}}, demo: d, out: t.TempDir()}, log, spans
}

// canary are values that stand nowhere else: whoever finds one in a log knows where
// it came from.
var canary = struct{ national, subject, body, file, content, mobile, email, reference, password, code, key string }{
	"85073003328", "kanariegeel onderwerp", "kanariegele tekst van het bericht", "kanariegeel.pdf", "kanariegele inhoud", "+32470918273",
	"kanarie@vogels.example", "KANARIE-REF-7", "kanarie wachtzin 81", "918273", "bode_test_kanarieSleutelDieErNietIs0123456789abc",
}

// refusals sends what is refused, which is where a log is most tempted to say why.
func (p *player) refusals(ctx context.Context, t *testing.T) {
	t.Helper()
	message := map[string]any{"subject": canary.subject, "body": canary.body, "reference": canary.reference,
		"recipients": []map[string]any{{"name": map[string]string{"given": "Kanarie", "family": "Geelvink"}, "email": canary.email, "mobile": canary.mobile,
			"language": "nl", "identification": map[string]string{"national_number": canary.national},
			"postal_address": map[string]any{"lines": []string{"Vogelstraat 7"}, "postcode": "9000", "city": "Gent", "country": "BE"}}}}
	whole, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.upload(ctx, canary.file, "application/pdf", []byte(canary.content))
	if err != nil {
		t.Fatal(err)
	}
	message["documents"] = []string{id}
	if err := p.call(ctx, http.MethodPost, "/messages", message, nil); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"broken":           string(whole[:len(whole)-3]),
		"a field too many": `{"` + canary.subject + `":1,` + string(whole[1:]),
		"a bad number":     strings.Replace(string(whole), canary.national, canary.national+"9", 1),
	} {
		if resp, err := p.do(ctx, http.MethodPost, "/messages", "application/json", nil, strings.NewReader(body)); err == nil {
			resp.Body.Close()
			t.Errorf("%s: taken", name)
		}
	}
	stranger := p.outsider
	stranger.info.TestKey = canary.key
	if stranger.call(ctx, http.MethodGet, "/messages?q="+url.QueryEscape(canary.subject), nil, nil) == nil {
		t.Error("a key that is none opens")
	}
	if err := p.call(ctx, http.MethodGet, "/messages?q="+url.QueryEscape(canary.subject), nil, nil); err != nil {
		t.Log(err) // a list that cannot be searched so refuses; what it logs is what counts
	}
	mailer := *p
	mailer.info.TestKey = canary.key
	if mailer.sendMail(ctx, "Subject: "+canary.subject+"\n\n"+canary.body+"\n") == nil {
		t.Error("a mail with a key that is none is taken")
	}
	if err := p.sendMail(ctx, "Subject: "+canary.subject+"\nFrom: "+canary.email+"\nX-Bode-Recipient: jan@mail.example; given=Jan; mobile="+canary.mobile+
		"; nonsense="+canary.national+"\nX-Bode-Reference: "+canary.reference+"\n\n"+canary.body+"\n"); err != nil {
		t.Log(err) // taken or not: what it logs is what counts
	}
}

// signs in at the portal, wrongly and rightly, and looks about.
func (p *player) signs(ctx context.Context, t *testing.T) *browser {
	t.Helper()
	b, err := newBrowser()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.open(ctx, p.info.BaseURL+"/portal/sign-in"); err != nil {
		t.Fatal(err)
	}
	if b.submit(ctx, "/portal/sign-in", url.Values{"login": {canary.email}, "password": {canary.password}, "code": {canary.code}}) == nil && !strings.HasSuffix(b.at.Path, "/sign-in") {
		t.Error("somebody unknown signs in")
	}
	own := p.demo.seeds.SignIns[0]
	code, err := totp.GenerateCode(own.TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{b.open(ctx, p.info.BaseURL+"/portal/sign-in"),
		b.submit(ctx, "/portal/sign-in", url.Values{"login": {"lotte"}, "password": {own.Password}, "code": {code}}),
		b.open(ctx, p.info.BaseURL+"/portal/messages?q="+url.QueryEscape(canary.reference)), b.open(ctx, p.info.BaseURL+"/portal/account")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestLogsTellNothingEndToEnd: the whole path from submission to letter, with what
// is refused on the way, logged and traced to the last line, leaves no secret, no
// content and no telephone number in log or traces.
func TestLogsTellNothingEndToEnd(t *testing.T) {
	t.Parallel()
	p, log, spans := canaries(t)
	ctx := t.Context()
	for _, do := range []func(context.Context) error{p.submit, p.told, p.collect, p.refuse, p.bounced, p.silent, p.printed, p.withdraw} {
		if err := do(ctx); err != nil {
			t.Fatal(err)
		}
	}
	p.refusals(ctx, t)
	p.signs(ctx, t)
	if err := eventually(ctx, func() (bool, error) { return strings.Count(log.String(), "\n") > 100, nil }); err != nil {
		t.Fatalf("the log is too short to prove anything:\n%s", log)
	}
	secrets := map[string]string{"a national number": canary.national, "a subject": canary.subject, "a body": canary.body, "a file's name": canary.file,
		"content": canary.content, "a mobile": canary.mobile, "an e-mail address": canary.email, "a reference": canary.reference, "a password": canary.password,
		"a key that is none": canary.key, "a typed code": canary.code, "the test key": p.demo.seeds.TestKey, "the live key": p.demo.seeds.LiveKey,
		"the play's subject": "huurovereenkomst", "the play's text": "Vlasmarkt 7", "the play's file": "opzegging.pdf", "the mail's text": "januari om 10 uur"}
	for i, s := range p.demo.seeds.SignIns {
		secrets[fmt.Sprintf("password %d", i)], secrets[fmt.Sprintf("authenticator %d", i)] = s.Password, s.TOTPSecret
	}
	for _, c := range cast {
		secrets["the mobile of who "+c.role], secrets["the address of who "+c.role] = c.mobile, c.email
	}
	for _, m := range p.demo.stands.catcher.Messages() {
		if link := linkShape.FindString(m.Text); link != "" {
			secrets["a link to "+m.To] = link[strings.LastIndex(link, "/")+1:]
		}
		if code := codeShape.FindString(m.Text); m.Kind == string(notify.Code) {
			secrets["a code to "+m.To+" "+m.ID] = code
		}
	}
	if len(secrets) < 25+len(cast) {
		t.Fatalf("%d secrets: did the path run?", len(secrets))
	}
	said := map[string]string{"log": log.String(), "traces": fmt.Sprintf("%+v", spans.GetSpans())}
	for where, text := range said {
		for what, secret := range secrets {
			if line := telling(text, secret); line != "" {
				t.Errorf("the %s: %s: %s", where, what, line)
			}
		}
	}
	if state := delivery.HandedOver; !strings.Contains(said["log"], `"page"`) || len(spans.GetSpans()) == 0 {
		t.Errorf("nothing was logged or traced of a delivery that is %s", state)
	}
}

// telling is the line of a text that holds a secret; "" when none does. Digits
// count only where no further digit is beside them, or a time would be a code.
func telling(text, secret string) string {
	find := regexp.MustCompile(`(?:^|[^0-9.])` + regexp.QuoteMeta(secret) + `(?:[^0-9]|$)`)
	for line := range strings.Lines(text) {
		if find.MatchString(line) {
			return excerpt(line)
		}
	}
	return ""
}

func TestTelling(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{`{"code":"918273"}`: true, "918273": true, `code=918273 `: true, `{"time":"21:46:33.918273Z"}`: false, `{"n":1918273}`: false,
		`{"n":9182734}`: false, "": false} {
		if (telling("first\n"+line, "918273") != "") != want {
			t.Errorf("%s", line)
		}
	}
}
