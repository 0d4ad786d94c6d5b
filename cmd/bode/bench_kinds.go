package main

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// The limits, in signatures of OpenSSL.
const (
	xmlLimit  = "limit 1/10"
	fullLimit = "limit 1/75, aim 1/50"
)

// kinds are the ways to make evidence. The first is a time-stamp alone: that is
// the work of the authority, and is taken off the others.
func (w *workshop) kinds() []kind {
	return []kind{
		{name: "(time-stamp, by the authority)", do: func(ctx context.Context, i int) error {
			digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
			_, err := w.stamper.Stamp(ctx, digest[:])
			return err
		}},
		{name: "XML sealed, for a batch", limit: xmlLimit, do: func(_ context.Context, i int) error {
			_, err := w.xml(i)
			return err
		}},
		{name: "XML sealed, own time-stamp", limit: xmlLimit, tokens: 1, do: func(ctx context.Context, i int) error {
			signed, err := w.xml(i)
			if err == nil {
				_, err = w.engine.XML.StampXML(ctx, signed)
			}
			return err
		}},
		{name: "XML and PDF sealed, in a batch", limit: fullLimit, do: func(ctx context.Context, i int) error {
			if _, err := w.xml(i); err != nil {
				return err
			}
			_, err := w.engine.PDF.SealPDF(ctx, w.docs[i], w.attached(i, false), time.Now())
			return err
		}},
		{name: "XML and PDF sealed, own time-stamps", limit: fullLimit, tokens: 2, do: func(ctx context.Context, i int) error {
			signed, err := w.xml(i)
			if err == nil {
				_, err = w.engine.XML.StampXML(ctx, signed)
			}
			if err == nil {
				_, err = w.engine.PDF.SealPDF(ctx, w.docs[i], w.attached(i, true), time.Now())
			}
			return err
		}},
		{name: "XML sealed and checked, for a batch", do: func(_ context.Context, i int) error {
			_, err := w.signed(i)
			return err
		}},
		{name: "XML and PDF sealed and each checked, in a batch", do: func(ctx context.Context, i int) error {
			if _, err := w.signed(i); err != nil {
				return err
			}
			return w.finish(ctx, i, false)
		}},
		{name: "XML and PDF sealed and each checked, own time-stamps", tokens: 2, do: func(ctx context.Context, i int) error {
			signed, err := w.signed(i)
			if err == nil {
				_, _, err = w.engine.Stamp(ctx, signed)
			}
			if err != nil {
				return err
			}
			return w.finish(ctx, i, true)
		}},
	}
}

// xml prepares, lints and signs piece i.
func (w *workshop) xml(i int) ([]byte, error) {
	p, err := evidence.Prepare(w.docs[i])
	if err != nil {
		return nil, err
	}
	return w.engine.XML.SignXML(p, time.Now())
}

// signed does the same and checks the result, as the service does.
func (w *workshop) signed(i int) ([]byte, error) {
	p, err := evidence.Prepare(w.docs[i])
	if err != nil {
		return nil, err
	}
	return w.engine.Sign(p, time.Now())
}

// finish makes the PDF as the service does.
func (w *workshop) finish(ctx context.Context, i int, own bool) error {
	a := w.attached(i, own)
	_, _, err := w.engine.Finish(ctx, w.docs[i], a.XML, a.Beside, own, time.Now())
	return err
}
