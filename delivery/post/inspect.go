package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// maxDecode bounds what one compressed stream may grow to in memory.
const maxDecode = 64 << 20

// refusal is why a PDF cannot be printed.
type refusal struct {
	cause Cause
	err   error
}

func (r *refusal) Error() string { return fmt.Sprintf("post: %s: %v", r.cause, r.err) }
func (r *refusal) Unwrap() error { return r.err }

func refuse(c Cause, format string, args ...any) error {
	return &refusal{c, fmt.Errorf(format, args...)}
}

// openPDF reads a PDF without touching any package-wide configuration. A panic
// of the parser on hostile input is that file's problem, not ours: it becomes
// Broken.
func openPDF(ctx context.Context, f *os.File) (doc *model.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, refuse(Broken, "parser: %v", r)
		}
	}()
	if err := whole(f); err != nil {
		return nil, err
	}
	limits := model.DefaultResourceLimits()
	limits.MaxStreamBytes, limits.MaxDecodeBytes = 256<<20, maxDecode
	limits.MaxObjectCount, limits.MaxXRefEntries = 1_000_000, 1_000_000
	doc, err = pdfcpu.ReadWithContext(ctx, f, &model.Configuration{
		Reader15: true, ValidationMode: model.ValidationRelaxed, Limits: limits, Offline: true,
		Eol: types.EolLF, Cmd: model.MERGECREATE, // a command for which encryption is refused, not undone
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, pdfcpu.ErrEncrypted):
		return nil, refuse(Encrypted, "%w", err)
	case err != nil:
		return nil, refuse(Broken, "%w", err)
	}
	if err := doc.EnsurePageCount(); err != nil {
		return nil, refuse(Broken, "%w", err)
	}
	return doc, nil
}

// whole refuses what does not begin and end like a PDF. A parser repairs a file
// that was cut off, and would print the pages that are left as if they were all.
func whole(f *os.File) error {
	head := make([]byte, 1024)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.Contains(head[:n], []byte("%PDF-")) {
		return refuse(Broken, "no header")
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(size, 2048))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	if !bytes.Contains(tail, []byte("%%EOF")) || !bytes.Contains(tail, []byte("startxref")) {
		return refuse(Broken, "no end")
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// inspect says how many pages a PDF has and in what they will differ from it, or
// refuses it. The whole of it is walked through, so that what passes here can be
// printed.
func inspect(ctx context.Context, path string, maxPages int, keep rect) (pages int, notes []Note, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	doc, err := openPDF(ctx, f)
	if err != nil {
		return 0, nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			pages, notes, err = 0, nil, refuse(Broken, "parser: %v", r)
		}
	}()
	if err := catalogRefusal(doc); err != nil {
		return 0, nil, err
	}
	if doc.PageCount == 0 {
		return 0, nil, refuse(Broken, "no pages")
	}
	if doc.PageCount > maxPages {
		return 0, nil, refuse(TooManyPages, "%d pages", doc.PageCount)
	}
	dry := newGraft(doc, newPDFWriter(io.Discard), keep)
	for n := 1; n <= doc.PageCount; n++ {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		if _, err := dry.page(n); err != nil {
			return 0, nil, err
		}
	}
	return doc.PageCount, dry.noted(), nil
}

// catalogRefusal looks for what makes a document more than its pages.
func catalogRefusal(doc *model.Context) error {
	root, err := doc.Catalog()
	if err != nil || root == nil {
		return refuse(Broken, "no catalog")
	}
	if _, ok := root.Find("Collection"); ok {
		return refuse(Portfolio, "collection")
	}
	if form, _ := doc.DereferenceDict(root["AcroForm"]); form != nil {
		if _, ok := form.Find("XFA"); ok {
			return refuse(Form, "XFA")
		}
	}
	names, _ := doc.DereferenceDict(root["Names"])
	if _, ok := names.Find("JavaScript"); ok {
		return refuse(ActiveContent, "document JavaScript")
	}
	if action, _ := doc.Dereference(root["OpenAction"]); action != nil {
		if d, ok := action.(types.Dict); ok && d.NameEntry("S") != nil && *d.NameEntry("S") == "JavaScript" {
			return refuse(ActiveContent, "JavaScript on opening")
		}
	}
	return layerRefusal(doc, root)
}

// layerRefusal refuses layers that are off: on their own, pages would show them.
func layerRefusal(doc *model.Context, root types.Dict) error {
	oc, _ := doc.DereferenceDict(root["OCProperties"])
	if oc == nil {
		return nil
	}
	d, _ := doc.DereferenceDict(oc["D"])
	off, _ := doc.DereferenceArray(d["OFF"])
	base := d.NameEntry("BaseState")
	if len(off) > 0 || base != nil && *base != "ON" {
		return refuse(Layers, "%d layers off", len(off))
	}
	usage, _ := doc.DereferenceArray(d["AS"])
	if slices.ContainsFunc(usage, func(o types.Object) bool { return o != nil }) {
		return refuse(Layers, "layers that depend on use")
	}
	return nil
}
