package notifytest

import (
	"embed"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

//go:embed page.html.tmpl
var pages embed.FS

// link finds the addresses of a text, so that a demonstration can be clicked.
var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// Piece is a part of a text message: words, or an address that a phone shows as
// a link.
type Piece struct {
	Text string
	Link bool
}

// Pieces cuts a text message at its addresses.
func Pieces(text string) (pieces []Piece) {
	at := 0
	for _, m := range link.FindAllStringIndex(text, -1) {
		pieces = append(pieces, Piece{Text: text[at:m[0]]}, Piece{text[m[0]:m[1]], true})
		at = m[1]
	}
	return append(pieces, Piece{Text: text[at:]})
}

// routes is everything the catcher answers over HTTP.
func (c *Catcher) routes() http.Handler {
	page := template.Must(template.New("page.html.tmpl").Funcs(template.FuncMap{"link": link.FindString, "pieces": Pieces}).ParseFS(pages, "page.html.tmpl"))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sms/messages", c.sendSMS)
	mux.HandleFunc("GET /sms/status", c.smsStatus)
	mux.HandleFunc("GET /messages.json", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, c.to(r.FormValue("to")))
	})
	mux.HandleFunc("GET /messages/{id}/html", c.showHTML)
	mux.HandleFunc("GET /messages/{id}/raw", c.showRaw)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		messages := c.to(r.FormValue("to"))
		slices.Reverse(messages)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'")
		_ = page.Execute(w, struct {
			To       string
			Messages []Message
		}{r.FormValue("to"), messages})
	})
	return mux
}

// showHTML shows a mail as a mail program would: no scripts, nothing loaded,
// links open in a window of their own, so that it can stand in a frame.
func (c *Catcher) showHTML(w http.ResponseWriter, r *http.Request) {
	m, ok := c.find(r.PathValue("id"))
	if !ok || m.HTML == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation")
	_, _ = w.Write([]byte(strings.Replace(m.HTML, "<head>", `<head><base target="_blank">`, 1)))
}

func (c *Catcher) showRaw(w http.ResponseWriter, r *http.Request) {
	m, ok := c.find(r.PathValue("id"))
	if !ok || m.Raw == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(m.Raw)
}

func (c *Catcher) find(id string) (Message, bool) {
	for _, m := range c.Messages() {
		if m.ID == id {
			return m, true
		}
	}
	return Message{}, false
}
