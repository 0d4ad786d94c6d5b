package post

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bode-erds/bode/delivery"
)

// part fetches part i into dir and gets it ready for paper, if it can be.
func (t *typesetter) part(ctx context.Context, l delivery.Letter, w words, i int, p delivery.LetterPart, dir string, left int) (sheetPart, error) {
	sp := sheetPart{part: p, title: p.Name}
	raw := filepath.Join(dir, fmt.Sprintf("part%d", i))
	kind := mediaType(p.MediaType)
	if i == 0 && kind == "text/plain" {
		sp.title = w.MessageText
	}
	err := t.printableKind(kind)
	if err == nil && p.Size > t.cfg.MaxBytes {
		err = refuse(TooLarge, "%d octets", p.Size)
	}
	if ferr := fetch(ctx, p, raw, err == nil); ferr != nil {
		return sp, ferr
	}
	if err == nil {
		err = t.lookAt(ctx, &sp, kind, raw, l, w, left)
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		t.cfg.Logger.InfoContext(ctx, "part not printed", "delivery", l.Delivery, "part", i, "cause", string(r.cause))
		return sheetPart{part: p, title: sp.title, cause: r.cause}, nil
	}
	return sp, err
}

// printableKind refuses a kind of file that we cannot put on paper.
func (t *typesetter) printableKind(kind string) error {
	_, office := officeKinds[kind]
	switch {
	case kind == "application/pdf", kind == "text/plain", imageKinds[kind], office && t.cfg.Converter != nil:
		return nil
	case office:
		return refuse(NoConverter, "%s", kind)
	}
	return refuse(MediaType, "%s", kind)
}

// lookAt makes a PDF of the file raw, if it is none, and looks at its pages.
func (t *typesetter) lookAt(ctx context.Context, sp *sheetPart, kind, raw string, l delivery.Letter, w words, left int) (err error) {
	sp.path = raw + ".pdf"
	switch {
	case kind == "text/plain":
		sp.pages, err = t.text(raw, sp.path, sp.title, l, w, left)
		return err
	case imageKinds[kind]:
		sp.converted = true
		err = picturePDF(raw, sp.path)
	case kind == "application/pdf":
		sp.path = raw
	default:
		sp.converted = true
		err = t.cfg.Converter.convert(ctx, officeKinds[kind], raw, sp.path)
	}
	if err == nil {
		sp.pages, sp.notes, err = inspect(ctx, sp.path, left, t.cfg.Window.keep())
	}
	if sp.converted {
		sp.notes = append(sp.notes, Converted)
	}
	return err
}

// fetch holds a part against its digest and, when it is wanted, streams it to
// disk. Errors: ErrDigest.
func fetch(ctx context.Context, p delivery.LetterPart, path string, wanted bool) (err error) {
	in, err := p.Open(ctx)
	if err != nil {
		return fmt.Errorf("post: opening part: %w", err)
	}
	defer in.Close()
	h := sha256.New()
	var to io.Writer = h
	if wanted {
		out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("post: %w", err)
		}
		defer func() { err = errors.Join(err, out.Close()) }()
		to = io.MultiWriter(out, h)
	}
	n, err := io.Copy(to, io.LimitReader(in, p.Size+1))
	if err != nil {
		return fmt.Errorf("post: fetching part: %w", err)
	}
	if n != p.Size || hex.EncodeToString(h.Sum(nil)) != p.SHA256 {
		return fmt.Errorf("%w: %d octets read, %d announced", ErrDigest, n, p.Size)
	}
	return nil
}
