package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// staticPath is where static files are served, under a name that changes with
// their content, so that browsers may keep them for ever.
const staticPath = "/static/"

type asset struct {
	data   []byte
	packed []byte // the same in gzip; nil when that is no shorter
	kind   string
}

type assets struct {
	byPath map[string]asset  // hashed path
	paths  map[string]string // by file name
}

func readAssets(fsys fs.FS) (*assets, error) {
	a := &assets{byPath: map[string]asset{}, paths: map[string]string{}}
	return a, fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		ext := path.Ext(p)
		kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[ext]
		if kind == "" {
			kind = mime.TypeByExtension(ext)
		}
		sum := sha256.Sum256(b)
		at := staticPath + strings.TrimSuffix(p, ext) + "." + hex.EncodeToString(sum[:8]) + ext
		packed, err := pack(b, gzip.BestCompression)
		if err != nil {
			return err
		}
		if len(packed) >= len(b) {
			packed = nil
		}
		a.byPath[at], a.paths[p] = asset{b, packed, kind}, at
		return nil
	})
}

// url is where a static file is served.
func (a *assets) url(name string) (string, error) {
	p, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("web: no static file %q", name)
	}
	return p, nil
}

func (a *assets) serve(c echo.Context) error {
	f, ok := a.byPath[c.Request().URL.Path]
	if !ok {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	data := f.data
	if f.packed != nil && takesGzip(c.Request()) && c.Request().Header.Get("Range") == "" {
		h.Set("Content-Encoding", "gzip")
		data = f.packed
	}
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(data))
	return nil
}
