package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// Prefix is where the API lives.
const Prefix = "/api/v1"

// API answers REST calls. Safe for concurrent use.
type API struct {
	Config
	contract *contract
	words    words
	limits   *limiter
	visitors *visitors
	echo     *echo.Echo
}

// New reads the contract and returns an API. It fails when contract, router
// and translations do not agree.
func New(cfg Config) (*API, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	a := &API{Config: cfg, limits: newLimiter(cfg), visitors: &visitors{}}
	var err error
	if a.contract, err = loadContract(); err != nil {
		return nil, err
	}
	if a.words, err = loadWords(); err != nil {
		return nil, err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = clientIP(cfg.TrustedProxies)
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = a.fail(c, err) }
	e.Pre(guard)
	a.register(e)
	a.echo = e
	return a, nil
}

// Handler serves everything below Prefix.
func (a *API) Handler() http.Handler { return a.echo }

// clientIP says how the client's address, which goes into evidence, is found:
// from the connection, or, behind trusted proxies only, from their header.
func clientIP(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	opts := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		_, n, err := net.ParseCIDR(p.Masked().String())
		if err == nil {
			opts = append(opts, echo.TrustIPRange(n))
		}
	}
	return echo.ExtractIPFromXFFHeader(opts...)
}

var parameter = regexp.MustCompile(`\{([a-z]+)\}`)

// echoPath turns OpenAPI's notation into echo's.
func echoPath(p string) string { return parameter.ReplaceAllString(p, ":$1") }

// call is one authenticated request.
type call struct {
	echo.Context
	key      identity.Key
	sender   identity.AccountProfile // of the key's account, where the route asks for it
	lang     string
	bodyTime time.Duration // see Config
}

func (c *call) ctx() context.Context { return c.Request().Context() }

// actor is the key that calls, as an actor.
func (c *call) actor(now time.Time) identity.Actor {
	return c.key.Actor(c.RealIP(), c.Request().UserAgent(), now)
}

// guard sets what every answer carries, whatever it will be, and lets no query see
// anything before it is known who asks.
func guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		c.SetRequest(c.Request().WithContext(identity.Nobody(c.Request().Context())))
		return next(c)
	}
}

// wrap does what every call needs: key, one exit for failure, and a line for operators that holds nothing of what was sent.
func (a *API) wrap(r route) echo.HandlerFunc {
	return func(e echo.Context) error {
		began := a.Now()
		c := &call{Context: e, bodyTime: a.BodyTime, lang: a.words.match(e.Request().Header.Get("Accept-Language"))}
		err := a.serve(r, c)
		if err != nil && !e.Response().Committed {
			err = a.fail(e, err)
		}
		a.Log.InfoContext(c.ctx(), "api", "method", r.method, "path", r.path, "status", e.Response().Status,
			"account", c.key.Account, "key", c.key.ID, "ms", a.Now().Sub(began).Milliseconds())
		if err != nil {
			// The answer was under way: cut it, so that nobody takes half of it for
			// the whole.
			a.Log.WarnContext(c.ctx(), "api answer cut", "path", r.path, "err", err)
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

func (a *API) serve(r route, c *call) error {
	if r.open {
		return r.handle(c)
	}
	if err := a.admit(r, c); err != nil {
		return err
	}
	return r.handle(c)
}
