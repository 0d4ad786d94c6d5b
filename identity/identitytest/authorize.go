package identitytest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	requestLife = 10 * time.Minute
	codeLife    = 3 * time.Minute
)

// request is an authorization request that waits for a person.
type request struct {
	client    Client
	redirect  string
	state     string
	nonce     string
	challenge string
	acr       string
	idToken   []string // claims asked
	userInfo  []string
	text      string // shown for approval, with the line ends of the app; empty: identify only
	lang      string
	until     time.Time
}

// grant is what a person approved.
type grant struct {
	request
	person Person
	at     time.Time
	used   bool
}

// authorize checks the request and shows the page. Without a known client and
// one of its addresses nothing is sent anywhere: the page says what is wrong.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	client, known := p.clients[q.Get("client_id")]
	p.mu.Unlock()
	redirect := q.Get("redirect_uri")
	lang := language(q.Get("ui_locales"))
	if !known || !slices.Contains(client.RedirectURLs, redirect) {
		p.problem(w, lang, http.StatusBadRequest, "bad_client")
		return
	}
	params, code, detail := p.confirming(r.Context(), q, client)
	var req *request
	if code == "" {
		req, code, detail = parseRequest(params, client)
		lang = language(params.Get("ui_locales"))
	}
	if code != "" {
		p.redirect(w, r, redirect, url.Values{"error": {code}, "error_description": {detail}, "state": {q.Get("state")}})
		return
	}
	req.lang, req.until = lang, p.cfg.Now().Add(requestLife)
	id := rand.Text()
	p.mu.Lock()
	p.prune()
	p.requests[id] = req
	p.mu.Unlock()
	p.page(w, http.StatusOK, req, form{Request: id, Person: first(p.cfg.People)})
}

// parseRequest applies itsme's rules. code is an OAuth error, empty when all is
// well.
func parseRequest(q url.Values, client Client) (req *request, code, detail string) {
	for name, values := range q {
		if len(values) > 1 {
			return nil, "invalid_request", name + " given twice"
		}
	}
	var services []string
	scopes := strings.Fields(q.Get("scope"))
	for _, s := range scopes {
		if service, ok := strings.CutPrefix(s, "service:"); ok {
			services = append(services, service)
		}
	}
	switch {
	case q.Get("response_type") != "code":
		return nil, "unsupported_response_type", "response_type is not code"
	case !slices.Contains(scopes, "openid"):
		return nil, "invalid_scope", "openid is missing"
	case len(services) != 1 || !slices.Contains(append(slices.Clone(client.Services), client.Approvals...), services[0]):
		return nil, "invalid_scope", "service is not one of this client"
	case slices.Contains(client.Approvals, services[0]) != (q.Get("request") != ""):
		return nil, "invalid_request_object", "a confirmation needs a request object, and nothing else does here"
	case q.Get("state") == "" || q.Get("nonce") == "":
		return nil, "invalid_request", "state and nonce are required"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return nil, "invalid_request", "code_challenge with S256 is required"
	case q.Get("display") != "" && q.Get("display") != "page":
		return nil, "unsupported_display", "display is not page"
	case strings.Contains(q.Get("prompt"), "none"):
		return nil, "interaction_required", "somebody has to approve"
	}
	req = &request{
		client: client, redirect: q.Get("redirect_uri"), state: q.Get("state"),
		nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), acr: acrBasic,
	}
	if slices.Contains(strings.Fields(q.Get("acr_values")), acrAdvanced) {
		req.acr = acrAdvanced
	}
	var asked struct {
		IDToken  map[string]json.RawMessage `json:"id_token"`
		UserInfo map[string]json.RawMessage `json:"userinfo"`
	}
	if c := q.Get("claims"); c != "" && json.Unmarshal([]byte(c), &asked) != nil {
		return nil, "invalid_request", "claims is not JSON"
	}
	for name := range asked.IDToken {
		req.idToken = append(req.idToken, name)
	}
	for name := range asked.UserInfo {
		req.userInfo = append(req.userInfo, name)
	}
	if q.Get("request") != "" {
		if req.text, code, detail = approval(asked.IDToken); code != "" {
			return nil, code, detail
		}
	}
	return req, "", ""
}

// answer is the form: see the package comment for its fields.
func (p *Provider) answer(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		p.problem(w, "en", http.StatusBadRequest, "expired")
		return
	}
	f := readForm(r.PostForm)
	p.mu.Lock()
	req, known := p.requests[f.Request]
	p.mu.Unlock()
	if !known || !p.cfg.Now().Before(req.until) {
		p.problem(w, language(r.Header.Get("Accept-Language")), http.StatusBadRequest, "expired")
		return
	}
	if f.Decision == "refuse" {
		p.forget(f.Request)
		p.redirect(w, r, req.redirect, url.Values{"error": {"access_denied"}, "state": {req.state}})
		return
	}
	person, wrong := p.chosen(f)
	if wrong != "" || f.Decision != "approve" {
		f.Wrong = wrong
		p.page(w, http.StatusBadRequest, req, f)
		return
	}
	if !p.forget(f.Request) { // a second click came first
		p.problem(w, req.lang, http.StatusBadRequest, "expired")
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = &grant{request: *req, person: person, at: p.cfg.Now()}
	p.mu.Unlock()
	p.redirect(w, r, req.redirect, url.Values{"code": {code}, "state": {req.state}})
}

// chosen is the person the form names, or the field that is not right.
func (p *Provider) chosen(f form) (Person, string) {
	if f.Person == "other" {
		return typed(f.Given, f.Family, f.BirthDate, f.Number, p.cfg.Now())
	}
	for _, one := range p.cfg.People {
		if one.ID == f.Person {
			return one, ""
		}
	}
	return Person{}, "person"
}

// forget removes a request and reports whether it was still there.
func (p *Provider) forget(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, there := p.requests[id]
	delete(p.requests, id)
	return there
}

// prune drops what nobody can use any more. The caller holds mu.
func (p *Provider) prune() {
	now := p.cfg.Now()
	for id, r := range p.requests {
		if !now.Before(r.until) {
			delete(p.requests, id)
		}
	}
	for _, grants := range []map[string]*grant{p.codes, p.access} {
		for id, g := range grants {
			if now.Sub(g.at) > 2*codeLife {
				delete(grants, id)
			}
		}
	}
	for id, until := range p.jtis {
		if now.After(until) {
			delete(p.jtis, id)
		}
	}
}

func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, to string, answer url.Values) {
	switch {
	case p.is(RedirectIssuer):
		answer.Set("iss", "https://idp.example/v2")
	case !p.is(RedirectNoIss):
		answer.Set("iss", p.issuer)
	}
	separator := "?"
	if strings.Contains(to, "?") {
		separator = "&"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, to+separator+answer.Encode(), http.StatusSeeOther)
}
