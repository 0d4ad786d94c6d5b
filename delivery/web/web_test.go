package web_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
)

// now is when the tests happen: Sunday in winter.
var now = time.Date(2026, 11, 22, 12, 45, 6, 0, time.UTC)

type page struct {
	web.Faults
	Name string
	chr  web.Chrome
}

func (p page) Chrome() web.Chrome { return p.chr }

func words(m map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, l := range web.Languages() {
		text, ok := m[l]
		if !ok {
			text = m[""]
		}
		fsys[l+".json"] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// setup makes a Web with a face of one page, changed by change.
func setup(t *testing.T, change func(*web.Config)) *web.Web {
	t.Helper()
	cfg := web.Config{BaseURL: "http://127.0.0.1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	w, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddCatalog("face", words(map[string]string{"": `{"hello":"Hello {name}","field.name":"Name","empty":"Say something","nav.start":"Start","item.one":"{n} item","item.other":"{n} items"}`})); err != nil {
		t.Fatal(err)
	}
	err = w.AddPages("face", fstest.MapFS{
		"hello.html": {Data: []byte(`{{define "title"}}{{.T "hello" "name" .Data.Name}}{{end}}{{define "main"}}<h1>{{.T "hello" "name" .Data.Name}}</h1>{{template "input" (.Input "name" .Data.Name "max" 5 "optional" true)}}{{template "part" .}}{{end}}`)},
		"_part.html": {Data: []byte(`{{define "part"}}<p>{{.N "item" 3}}</p>{{end}}`)},
		"lost.html":  {Data: []byte(`{{define "title"}}x{{end}}{{define "main"}}{{.T "no.such"}}{{end}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// serve answers one request with a handler at /hello.
func serve(w *web.Web, h echo.HandlerFunc, r *http.Request) *http.Response {
	e := w.Echo()
	e.GET("/hello", h)
	e.POST("/hello", h)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	return rec.Result()
}

func get(path string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}
