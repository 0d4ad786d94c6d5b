package identify_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// rig is the face with a real database behind it, means that tests steer, and an
// asking face that does what all of them do.
type rig struct {
	t      testing.TB
	pool   *pgxpool.Pool
	people *identity.Service
	means  map[string]*means
	server *httptest.Server
	log    *logged
	ahead  atomic.Int64 // how far the clock is ahead of the true one

	mu    sync.Mutex
	taken []identity.Proof
	ask   identity.NewLogin // what the asking face asks next
	fails error             // what the owner answers instead of taking
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *rig) pass(d time.Duration) { r.ahead.Add(int64(d)) }

// logged holds all log lines, of every level.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newRig has the given means besides those that tests steer.
func newRig(t testing.TB, more ...func(origin string) identity.Means) *rig {
	t.Helper()
	r := &rig{t: t, pool: pgtest.New(t), log: &logged{}, means: map[string]*means{}}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	r.people, err = identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: r.now, Logger: log,
		Password: identity.Cost{Memory: 8 * 1024, Time: 1, Threads: 1}})
	r.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	base := "http://" + listener.Addr().String()
	pages, err := web.New(web.Config{BaseURL: base, Now: r.now, Log: log})
	r.must(err)
	e := pages.Echo()
	list := r.steered(base)
	for _, m := range more {
		own := m(base)
		list = append(dropped(list, own.Method()), own)
	}
	face, err := identify.New(identify.Config{Web: pages, Identity: r.people, Means: list, Now: r.now, Log: log,
		Account: func(c echo.Context) string { return pages.Cookie(c, "bode_session") },
		Owners: map[string]identify.Owner{
			"collect": {Purpose: identity.RecipientProofing, Take: r.take},
			"bind":    {Purpose: identity.SenderProofing, Take: r.take},
		}})
	r.must(err)
	r.must(face.Register(e))
	r.asking(e, pages)
	r.ask = identity.NewLogin{Errand: "collect", Subject: "7", Level: identity.LevelHigh, Language: "nl", About: "Om het bericht te openen.", Back: "/back/secret-token"}
	for _, m := range list {
		if own, ok := m.(identity.Receiver); ok {
			handler := echo.WrapHandler(own.Receive(r.people.Mailbox(own, identify.BackPath)))
			e.Any("/receive/"+m.Method()+"/*", handler)
			if m.Method() == identity.MethodWallet {
				e.Any("/wallet/*", handler)
			}
		}
	}
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: e, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}}
	r.server.Start()
	t.Cleanup(r.server.Close)
	return r
}

func dropped(list []identity.Means, method string) (rest []identity.Means) {
	for _, m := range list {
		if m.Method() != method {
			rest = append(rest, m)
		}
	}
	return rest
}

// steered are means of every form.
func (r *rig) steered(base string) (list []identity.Means) {
	for _, m := range []*means{
		{method: identity.MethodItsme, form: identity.FormRedirect, approves: true},
		{method: identity.MethodWebEID, form: identity.FormScript},
		{method: identity.MethodCard, form: identity.FormCertificate, receives: true},
		{method: identity.MethodWallet, form: identity.FormWallet, receives: true},
		{method: identity.MethodStatement, form: identity.FormDocument, approves: true},
		{method: identity.MethodLuxTrust, form: identity.FormRedirect},
		{method: identity.MethodFAS, form: identity.FormRedirect},
	} {
		m.base, m.level = base, identity.LevelHigh
		r.means[m.method] = m
		list = append(list, m.as())
	}
	return list
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// asking is a face that sends people to identify: POST /ask.
func (r *rig) asking(e *echo.Echo, pages *web.Web) {
	e.POST("/ask", func(c echo.Context) error {
		session := pages.Cookie(c, "asker")
		if session == "" {
			session = rand.Text()
			pages.SetCookie(c, "asker", session, 0)
		}
		r.mu.Lock()
		n := r.ask
		r.mu.Unlock()
		n.Session = session
		id, secret, err := r.people.OpenLogin(c.Request().Context(), n)
		if err != nil {
			return err
		}
		return pages.ToIdentify(c, id, secret)
	})
	for _, path := range []string{"/taken", "/back/:x", "/idp/:means"} {
		e.GET(path, func(c echo.Context) error { return c.HTML(http.StatusOK, "<!doctype html><title>x</title><p>"+path) })
	}
}

// asks is what /ask asks from now on.
func (r *rig) asks(change func(*identity.NewLogin)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.ask)
}

// take is an owner as they should be.
func (r *rig) take(c echo.Context, l identity.Login, p identity.Proof) error {
	cookie, err := c.Cookie("asker")
	if err != nil || !l.Bound(cookie.Value) {
		return fmt.Errorf("%w: another session asked", identity.ErrLoginStale)
	}
	r.mu.Lock()
	fails := r.fails
	r.mu.Unlock()
	if fails != nil {
		return fails
	}
	err = pgx.BeginFunc(c.Request().Context(), r.pool, func(tx pgx.Tx) error { return r.people.EndLogin(c.Request().Context(), tx, l) })
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = append(r.taken, p)
	return c.Redirect(http.StatusSeeOther, "/taken")
}

// proofs are those that were taken.
func (r *rig) proofs() []identity.Proof {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}
