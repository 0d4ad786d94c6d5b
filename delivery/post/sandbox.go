package post

import (
	"context"
	"errors"
	"os"

	"github.com/bode-erds/bode/delivery"
)

// Sandbox makes letters exactly as a partner would get them, and hands none over.
// Nothing of them stays here. Safe for concurrent use.
type Sandbox struct{ *desk }

var _ delivery.PostPartner = (*Sandbox)(nil)

// NewSandbox opens a sandbox with a folder of its own.
func NewSandbox(cfg Config) (*Sandbox, error) {
	d, err := newDesk(cfg)
	if err != nil {
		return nil, err
	}
	return &Sandbox{d}, nil
}

// HandOver implements delivery.PostPartner.
func (s *Sandbox) HandOver(ctx context.Context, l delivery.Letter) (delivery.PostReceipt, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	defer unlock()
	rec, pdf, err := s.letter(ctx, l)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	return s.receipt(rec, pdf), errors.Join(os.Remove(s.path("sent", rec.Item+".pdf")), os.Remove(s.path("sent", rec.Item+".json")),
		os.Remove(s.path("open", rec.Item)))
}

// Cancel implements delivery.PostPartner: what was not handed over is not posted.
func (s *Sandbox) Cancel(context.Context, string) (bool, error) { return true, nil }

// Reports implements delivery.PostPartner: there is nobody to report.
func (s *Sandbox) Reports(context.Context) ([]delivery.PostReport, error) { return nil, nil }

// Done implements delivery.PostPartner.
func (s *Sandbox) Done(context.Context, delivery.PostReport) error { return nil }
