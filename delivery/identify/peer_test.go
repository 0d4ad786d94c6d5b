package identify_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
	"github.com/bode-erds/bode/identity/wallet"
	"github.com/bode-erds/bode/identity/wallettest"
)

// identityLogin is short for what a face asks.
type identityLogin = identity.NewLogin

// bridge lets a script of a page speak with a card outside: it leaves what is
// asked where the test finds it.
const bridge = `window.eidCard = (request) => { window.eidAsked = request; };`

// TestWebEIDInABrowser holds our script against a stand-in of the extension, with
// a card, a citizen CA and an OCSP responder behind it.
func TestWebEIDInABrowser(t *testing.T) {
	t.Parallel()
	authority, err := eidtest.Start(eidtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { authority.Close() })
	r := newRig(t, func(origin string) identity.Means {
		anchors, err := eid.NewAnchors(authority.Certificates()...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := eid.New(eid.Config{Anchors: anchors, Responders: []string{authority.Host()}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := eid.NewWebEID(v, origin)
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
	card, err := authority.Issue(eidtest.Person{Given: "Lotte", Family: "Peeters", NationalNumber: secretNumber})
	r.must(err)
	s := newScreen(r, "nl", "desktop", 1280, 900)
	s.before(bridge + eidtest.Extension)
	read := func() string {
		t.Helper()
		s.do(chromedp.Click(chromedp.CSS(`form[data-webeid] button`)))
		s.becomes("question to the card", `Boolean(window.eidAsked)`)
		asked := value[string](s, `window.eidAsked`)
		value[chromedp.Void](s, `window.eidAsked = ""`)
		return asked
	}
	s.asked()
	s.begins("be-eid-webeid")
	s.becomes("page of Web eID", `document.querySelector("form[data-webeid]") !== null`)

	// "Cancel", then what the extension may say else, then the card.
	read()
	message, err := eidtest.Refuse()
	r.must(err)
	value[chromedp.Void](s, `window.eidAnswer(`+message+`)`)
	s.becomes("cancelled", `!document.querySelector("[data-fault=cancelled]").hidden && document.getAnimations().length === 0`)
	s.look("web-eid-cancelled")
	for code, says := range map[string]string{"ERR_WEBEID_NATIVE_UNAVAILABLE": "native", "ERR_WEBEID_VERSION_MISMATCH": "version",
		"ERR_WEBEID_USER_TIMEOUT": "timeout", "ERR_WEBEID_ACTION_PENDING": "pending", "ERR_WEBEID_UNKNOWN_ERROR": "unknown", "something new": "unknown"} {
		read()
		value[chromedp.Void](s, `window.eidAnswer({action: "web-eid:authenticate-failure", error: {code: `+marshal(code)+`}})`)
		s.becomes(code, `!document.querySelector("[data-fault=`+says+`]").hidden && document.querySelectorAll("[data-fault]:not([hidden])").length === 1`)
	}
	asked := read()
	message, err = card.Answer(asked)
	r.must(err)
	value[chromedp.Void](s, `window.eidAnswer(`+message+`)`)
	s.becomes("end", `location.pathname === "/taken"`)
	p := r.proofs()
	if len(p) != 1 || p[0].Method != identity.MethodWebEID || p[0].Family != "Peeters" || p[0].NationalNumber != secretNumber || p[0].Level != identity.LevelHigh {
		t.Fatalf("proofs %+v", p)
	}
	if strings.Contains(r.log.String(), secretNumber) {
		t.Error("the log holds the national number")
	}
}

// TestWalletInABrowser goes through the whole of OpenID4VP with a wallet as a web
// page, on the device of the browser.
func TestWalletInABrowser(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	issuer, err := wallettest.NewIssuer("BE", server.URL+"/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/status", issuer.StatusHandler())
	r := newRig(t, func(origin string) identity.Means {
		access, err := wallettest.NewAccess("Bode", "127.0.0.1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		page, err := wallettest.NewPage(wallettest.PageConfig{Issuer: issuer, Access: []*x509.Certificate{access.Anchor}, Path: "/demo-wallet"})
		if err != nil {
			t.Fatal(err)
		}
		mux.Handle("/demo-wallet", page)
		mux.Handle("/demo-wallet/", page)
		m, err := wallet.New(wallet.Config{Origin: origin, Scheme: server.URL + "/demo-wallet", Key: access.Key, Chain: access.Chain,
			Providers: []wallet.Provider{{Name: "Demo", Country: "BE", Anchors: []*x509.Certificate{issuer.Anchor()}}}, StatusOrigins: []string{server.URL}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	})
	s := newScreen(r, "nl", "phone", 390, 844)
	open := func() {
		t.Helper()
		s.asked()
		s.begins("eudi-pid")
		s.becomes("page of the wallet", `document.querySelector("main a.button[href*='demo-wallet']") !== null`)
		s.do(chromedp.Click(chromedp.CSS(`main a.button[href*='demo-wallet']`)))
		s.becomes("wallet", `document.querySelector("form[action$='/answer']") !== null`)
	}
	open()
	s.do(chromedp.Click(chromedp.CSS(`button[name=decision][value=refuse]`)))
	s.page("wallet-back", "/back")
	s.do(chromedp.Click(chromedp.CSS(`form[action$="/finish"] button`)))
	s.page("wallet-refused", "/finish")
	for i, format := range []string{wallettest.FormatSDJWT, wallettest.FormatMDoc} {
		open()
		s.do(chromedp.Click(chromedp.CSS(`input[name=person][value=lotte]`)), chromedp.Click(chromedp.CSS(`input[name=format][value="`+format+`"]`)),
			chromedp.Click(chromedp.CSS(`button[name=decision][value=share]`)))
		s.becomes("way back", `location.pathname.endsWith("/back") && document.readyState === "complete"`)
		if value[string](s, `document.querySelector("input[name=response_code]")?.value ?? ""`) == "" {
			t.Fatal("the code of the wallet's redirect is not in the form")
		}
		s.do(chromedp.Click(chromedp.CSS(`form[action$="/finish"] button`)))
		s.becomes("end", `location.pathname === "/taken"`)
		p := r.proofs()
		if len(p) != i+1 || p[i].Method != identity.MethodWallet || p[i].Family != "Peeters" || p[i].Level != identity.LevelHigh {
			t.Fatalf("%s: proofs %+v", format, p)
		}
	}
}

// TestFragment: a wallet may come back with its code in the fragment.
func TestFragment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := newScreen(r, "nl", "phone", 390, 844)
	s.asked()
	s.begins("eudi-pid")
	s.becomes("page of the wallet", `document.querySelector("main a.button[href^='openid4vp:']") !== null`)
	at := strings.TrimSuffix(value[string](s, `location.pathname`), "/with")
	r.browser().post("/receive/eudi-pid/", url.Values{"key": {r.means[identity.MethodWallet].key}})
	s.do(chromedp.Navigate(r.server.URL + at + "/back#response_code=right&other=x"))
	s.becomes("way back", `document.querySelector("input[name=response_code]") !== null`)
	if got := value[string](s, `location.hash + "|" + [...document.querySelectorAll("form[data-fragment] input")].map(i => i.name + "=" + i.value).join(" ")`); got != "|response_code=right" {
		t.Errorf("form and address: %q", got)
	}
	s.do(chromedp.Click(chromedp.CSS(`form[action$="/finish"] button`)))
	s.becomes("end", `location.pathname === "/taken"`)
}
