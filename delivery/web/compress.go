package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// worthwhile is the length in octets from which an answer is compressed: less
// fits into one packet as it is.
const worthwhile = 1400

// write sends a page. It is compressed only for those whom we do not know: the
// length of what is compressed tells whether a guess that the address carries
// stands on the page too, and the pages of a session hold what nobody may learn
// (the attack called BREACH). A request without cookies has no such page.
func (w *Web) write(c echo.Context, status int, page string) error {
	h := c.Response().Header()
	h.Add("Vary", "Accept-Encoding")
	if len(page) < worthwhile || !w.stranger(c) || !takesGzip(c.Request()) {
		return c.HTML(status, page)
	}
	packed, err := pack([]byte(page), gzip.DefaultCompression)
	if err != nil {
		return err
	}
	h.Set("Content-Encoding", "gzip")
	return c.HTMLBlob(status, packed)
}

// stranger reports whether a request reads, and carries nothing that says who
// asks: no cookie but the choice of language.
func (w *Web) stranger(c echo.Context) bool {
	r := c.Request()
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Authorization") != "" {
		return false
	}
	for _, k := range r.Cookies() {
		if k.Name != w.cookieName(languageCookie) {
			return false
		}
	}
	return true
}

// takesGzip reports whether the browser takes gzip.
//
// RFC 9110 §12.5.3
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, rest, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, weighted := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(rest), " ", ""), "q=")
			n, err := strconv.ParseFloat(q, 64)
			return !weighted || err == nil && n > 0
		}
	}
	return false
}

// pack compresses b.
func pack(b []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
