package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// WriteDossier packs all evidence of a delivery into one signed and stamped
// file. What is not given of the content is in it by digest. Errors: evidence.ErrPending while a
// piece is being made, evidence.ErrNoEvidence; both before anything is written.
func (a *app) WriteDossier(ctx context.Context, w io.Writer, id string, content ...evidence.File) error {
	d := asic.Dossier{Content: content}
	err := a.ledger.Each(ctx, id, func(doc ledger.Document) error {
		d.Pieces = append(d.Pieces, asic.Piece{Seq: doc.Seq, Event: doc.Event, XML: doc.XML, PDF: doc.PDF, Beside: doc.Beside})
		return nil
	})
	if err != nil {
		return err
	}
	if d.Attachments, err = a.papers(ctx, id); err != nil {
		return err
	}
	at := time.Now()
	d.Validation = a.dossierValidation(ctx, d.Pieces[len(d.Pieces)-1], at)
	return a.out.dossiers.Write(ctx, w, d, at)
}

// papers are those of a delivery's letter, as files for its dossier.
func (a *app) papers(ctx context.Context, id string) (files []evidence.File, err error) {
	if a.deliveries == nil {
		return nil, nil
	}
	list, err := a.deliveries.Papers(ctx, delivery.ID(id))
	for _, p := range list {
		files = append(files, evidence.File{Name: p.Name(), MediaType: p.MediaType, SHA256: p.SHA256,
			Open: func(ctx context.Context) (io.ReadCloser, error) {
				return a.deliveries.OpenPaper(ctx, delivery.ID(id), p.Position)
			}})
	}
	return files, err
}

// validationPatience bounds the wait for what judges the seal of a dossier. It is
// remembered, so that few have to wait at all.
const validationPatience = 3 * time.Second

// dossierValidation is what judges our seal at a time and the time-stamp that is to
// be expected: of whoever stamped the last piece. Without it a dossier is as good
// as it can be now, B-T.
func (a *app) dossierValidation(ctx context.Context, last asic.Piece, at time.Time) evidence.Validation {
	v, ok := a.out.validator.(validator)
	if !ok {
		return evidence.Validation{}
	}
	ctx, cancel := context.WithTimeout(ctx, validationPatience)
	defer cancel()
	f, doc := evidence.XML, last.XML
	if last.Record != nil {
		f, doc = evidence.ERS, last.Record
	}
	chains, err := chainsOf(f, doc)
	var key evidence.SealKey
	if err == nil {
		key, err = a.out.sealKeys.Key(at)
	}
	var got evidence.Validation
	if err == nil {
		got, err = v.collector.Collect(ctx, key.Certificates(), chains[len(chains)-1])
	}
	if err != nil {
		a.log.WarnContext(ctx, "dossier without validation data", "err", err)
		return evidence.Validation{}
	}
	return got
}

// verifier checks what the public uploads, against this service's anchors.
type verifier struct{ trust evidence.Trust }

// maxUpload bounds a document to verify, in octets.
const maxUpload = 64 << 20

var errTooLarge = errors.New("document is too large to verify here")

// Verify reports on one document, of whatever form.
func (v verifier) Verify(_ context.Context, _ string, r io.Reader) (evidence.Report, error) {
	doc, err := io.ReadAll(io.LimitReader(r, maxUpload+1))
	if err != nil {
		return evidence.Report{}, err
	}
	if len(doc) > maxUpload {
		return evidence.Report{}, fmt.Errorf("%w: at most %d MiB", errTooLarge, maxUpload>>20)
	}
	return v.check(doc, evidence.Beside{}), nil
}

func (v verifier) check(doc []byte, b evidence.Beside) evidence.Report {
	xml, pdf, dossier := checkers()
	return evidence.Verifier{XML: xml, PDF: pdf, Dossier: dossier}.CheckWith(doc, b, v.trust)
}

// checkers verify every form of evidence.
func checkers() (evidence.XMLChecker, evidence.Checker, evidence.Checker) {
	xml := xmlChecker()
	pdf := pades.Checker{XML: xml}
	return xml, pdf, asic.Checker{XML: xml, PDF: pdf, Record: ers.Checker{}}
}

func xmlChecker() xades.Checker {
	return xades.Checker{Record: ers.Checker{}, Proof: tlog.Checker{}}
}
