package collect

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// attachment is a file that goes to the browser to be saved, not shown. It
// begins with the first octet, so that an earlier failure can still become a page.
type attachment struct {
	x     echo.Context
	name  string
	kind  string // media type
	size  int64  // octets, or -1
	rc    *http.ResponseController
	now   func() time.Time
	begun bool
}

func (c *Collect) attach(x echo.Context, name, kind string, size int64) *attachment {
	// Not the controller of echo's own writer: its Flush hides errors.
	return &attachment{x: x, name: name, kind: kind, size: size, rc: http.NewResponseController(x.Response().Writer), now: c.cfg.Now}
}

// Write gives the browser another stall to take p.
func (a *attachment) Write(p []byte) (int, error) {
	if err := a.rc.SetWriteDeadline(a.now().Add(stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	a.begin()
	return a.x.Response().Write(p)
}

// begin sets what makes a browser save a file as it is, whatever is in it.
func (a *attachment) begin() {
	if a.begun {
		return
	}
	a.begun = true
	h := a.x.Response().Header()
	h.Set("Content-Type", a.kind)
	h.Set("Content-Disposition", disposition(a.name))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	if a.size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(a.size, 10))
	}
	a.x.Response().WriteHeader(http.StatusOK)
}

// finish sees to it that everything left the process.
func (a *attachment) finish() error {
	a.begin() // an empty document
	if err := a.rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// safeType is the media type the sender gave, unless a browser could be made to
// run it in our name.
func safeType(t string) string {
	base, _, err := mime.ParseMediaType(t)
	if err != nil || !strings.Contains(base, "/") || strings.Contains(base, "html") || strings.Contains(base, "xml") || strings.Contains(base, "script") {
		return "application/octet-stream"
	}
	return t
}

// disposition names a file for saving (RFC 6266 §4.3): once in ASCII, once as
// it is.
func disposition(name string) string {
	if s := mime.FormatMediaType("attachment", map[string]string{"filename": name}); s != "" {
		return s
	}
	return "attachment"
}

// copyChecked copies r to w, one block behind: the last block goes out only
// when r came to its end without complaint, so that what was altered never
// arrives whole.
func copyChecked(w io.Writer, r io.Reader) error {
	var held []byte
	next, spare := make([]byte, blockSize), make([]byte, blockSize)
	for {
		n, err := io.ReadFull(r, next)
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return err
		}
		if len(held) > 0 {
			if _, err := w.Write(held); err != nil {
				return err
			}
		}
		if last {
			if n > 0 {
				_, err = w.Write(next[:n])
				return err
			}
			return nil
		}
		held, next, spare = next[:n], spare, next
	}
}

// blockSize is what of a document is in memory at a time, twice.
const blockSize = 128 << 10

// limited fails when a reader gives more than it may.
type limited struct {
	r    io.Reader
	left int
}

var errLong = errors.New("collect: text is longer than any message")

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, errLong
	}
	return n, err
}
