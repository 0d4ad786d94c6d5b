package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed layout/*.html
var layoutFiles embed.FS

//go:embed words/*.json
var wordFiles embed.FS

//go:embed static
var staticFiles embed.FS

// Web renders pages. Register every face before serving; after that it is safe
// for concurrent use.
type Web struct {
	Config
	base   *template.Template
	pages  map[string]*template.Template
	words  map[string]catalog // by face; the shared one under ""
	assets *assets
	policy string // Content-Security-Policy
}

// New parses the layout and the shared words. Errors name what is wrong with cfg
// or with the embedded files.
func New(cfg Config) (*Web, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	w := &Web{Config: cfg, pages: map[string]*template.Template{}, words: map[string]catalog{}}
	w.policy = policy(cfg.FormActions, "", "'none'")
	static, err := fs.Sub(staticFiles, "static")
	if err != nil {
		return nil, err
	}
	if w.assets, err = readAssets(static); err != nil {
		return nil, err
	}
	words, err := fs.Sub(wordFiles, "words")
	if err != nil {
		return nil, err
	}
	if err := w.AddCatalog("", words); err != nil {
		return nil, err
	}
	w.base = template.New("layout").Funcs(template.FuncMap{"asset": w.assets.url, "list": list}).Option("missingkey=error")
	if w.base, err = w.base.ParseFS(layoutFiles, "layout/_*.html"); err != nil {
		return nil, err
	}
	own, err := fs.Sub(layoutFiles, "layout")
	if err != nil {
		return nil, err
	}
	return w, w.AddPages("", own)
}

// list makes a slice of its arguments, for parts that take several.
func list(v ...any) []any { return v }

// AddFace takes what a face embeds: the catalog in the folder "words" of words, as
// [Web.AddCatalog] does, and the pages in the folder "pages" of pages, as
// [Web.AddPages] does.
func (w *Web) AddFace(face string, words, pages fs.FS) error {
	catalog, err := fs.Sub(words, "words")
	if err != nil {
		return err
	}
	files, err := fs.Sub(pages, "pages")
	if err != nil {
		return err
	}
	if err := w.AddCatalog(face, catalog); err != nil {
		return err
	}
	return w.AddPages(face, files)
}

// AddPages parses the *.html files at the root of fsys as pages of a face, named
// face/name without the extension. Files beginning with _ are parts of all of
// them.
func (w *Web) AddPages(face string, fsys fs.FS) error {
	files, err := fs.Glob(fsys, "*.html")
	if err != nil {
		return err
	}
	base, err := w.base.Clone()
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasPrefix(f, "_") {
			if base, err = base.ParseFS(fsys, f); err != nil {
				return fmt.Errorf("web: %s/%s: %w", face, f, err)
			}
		}
	}
	for _, f := range files {
		if strings.HasPrefix(f, "_") {
			continue
		}
		t, err := base.Clone()
		if err != nil {
			return err
		}
		if t, err = t.ParseFS(fsys, f); err != nil {
			return fmt.Errorf("web: %s/%s: %w", face, f, err)
		}
		for _, part := range []string{"title", "main"} {
			if t.Lookup(part) == nil {
				return fmt.Errorf("web: %s/%s does not define %q", face, f, part)
			}
		}
		w.pages[path.Join(face, strings.TrimSuffix(f, ".html"))] = t
	}
	return nil
}

// Render writes a page in the reader's language. data is what the page sees as
// .Data. Nothing is written when the page cannot be rendered whole; call it only
// after what it reports is committed.
func (w *Web) Render(c echo.Context, status int, page string, data any) error {
	t, ok := w.pages[page]
	if !ok {
		return fmt.Errorf("web: no page %q", page)
	}
	face, _, ok := strings.Cut(page, "/")
	if !ok {
		face = ""
	}
	v := w.view(c, face, data)
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("web: page %s: %w", page, err)
	}
	c.Response().Header().Set("Content-Language", v.Lang)
	return w.write(c, status, b.String())
}
