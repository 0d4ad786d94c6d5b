package post

import (
	"context"
	"fmt"
	"io"
	"mime"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/bode-erds/bode/delivery"
)

// assembly is a letter being put together, one source at a time in memory.
type assembly struct {
	t     *typesetter
	out   *pdfWriter
	stamp stamper
	pages int
}

// add appends the pages of a PDF, beginning on a new sheet and ending a sheet.
func (a *assembly) add(ctx context.Context, path string, pages int) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	defer f.Close()
	doc, err := openPDF(ctx, f)
	if err != nil {
		return fmt.Errorf("post: reading pages again: %w", err)
	}
	if doc.PageCount != pages {
		return fmt.Errorf("post: %d pages where %d were counted", doc.PageCount, pages)
	}
	g := newGraft(doc, a.out, a.t.cfg.Window.keep())
	for n := 1; n <= pages; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := g.page(n)
		if err != nil {
			return fmt.Errorf("post: reading pages again: %w", err)
		}
		if err := a.page(l); err != nil {
			return err
		}
	}
	for a.pages%a.t.sides() != 0 {
		if err := a.page(leaf{resources: "<<>>"}); err != nil {
			return err
		}
	}
	return nil
}

// page puts one leaf on the next side.
func (a *assembly) page(l leaf) error {
	mark := a.stamp.back()
	if a.pages%a.t.sides() == 0 {
		var err error
		if mark, err = a.stamp.front(a.pages/a.t.sides() + 1); err != nil {
			return err
		}
	}
	a.out.page(l.resources, l.content+mark)
	a.pages++
	return nil
}

// text typesets a text part as a PDF of its own.
func (t *typesetter) text(raw, path, title string, l delivery.Letter, w words, left int) (int, error) {
	b, err := os.ReadFile(raw)
	if err != nil {
		return 0, fmt.Errorf("post: %w", err)
	}
	// A page of text has some thousand characters: anything far beyond need
	// not be typeset to know that it does not fit.
	if len(b) > 32<<10*max(left, 1) {
		return 0, refuse(TooManyPages, "%d octets of text", len(b))
	}
	if !utf8.Valid(b) || strings.ContainsRune(string(b), 0) {
		return 0, refuse(Encoding, "not UTF-8")
	}
	lines, replaced := textLines(t.faces, string(b))
	if n := textPages(len(lines) + 4); n > left {
		return 0, refuse(TooManyPages, "%d pages", n)
	}
	head, _ := t.faces.printable(title)
	p := setText(t.faces, w, head, w.Number+" "+l.Number, lines, replaced, l.Test)
	return p.n, writeFile(path, p.write)
}

// mediaType is the type without its parameters.
func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(s))
	}
	return t
}

// counter counts octets on their way.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// writeFile makes a new file and fills it.
func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	if err := fill(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return nil
}
