package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/outage"
)

const (
	lookTime = 10 * time.Second // for one look
	// behind is how late evidence or a notice may be before that part does not work.
	behind = 10 * time.Minute
)

// watch looks at every part of the service, writes down what it saw, and gives
// outages that ended their certificates. A look that hangs counts as failed.
func (a *app) watch(ctx context.Context) error {
	var looks []delivery.Look
	for _, part := range []struct {
		name string
		see  func(context.Context) error
	}{{"pages", a.seePages}, {"store", a.seeStore}, {"evidence", a.seeEvidence}, {"notices", a.seeNotices}} {
		limited, cancel := context.WithTimeout(ctx, lookTime)
		began := time.Now()
		err := part.see(limited)
		cancel()
		if ctx.Err() != nil {
			return nil // we are stopping: that is no failure of the part
		}
		if err != nil {
			a.log.WarnContext(ctx, "a part of the service does not work", "part", part.name, "err", err)
		}
		looks = append(looks, delivery.Look{Part: part.name, Working: err == nil, Took: time.Since(began)})
	}
	err := a.deliveries.Watched(ctx, looks...)
	c, cerr := outage.New(outage.Config{Issuer: a.out.issuer, Seal: outage.Sealer(a.out.letters), Page: a.out.baseURL + "/status"})
	if cerr == nil {
		cerr = a.deliveries.Certify(ctx, 10, c.Certificate)
	}
	return errors.Join(err, cerr, a.deliveries.Reckon(ctx))
}

// seePages asks for a page as anybody would.
func (a *app) seePages(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.out.baseURL+"/notice", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the page answers %s", resp.Status)
	}
	return nil
}

// seeStore puts a small object into the vault, reads it back, and removes it.
func (a *app) seeStore(ctx context.Context) error {
	const content = "watched"
	name := "watch/" + uuid.NewString()
	s, err := a.out.vault.Put(ctx, name, strings.NewReader(content))
	if err != nil {
		return err
	}
	defer a.out.vault.Delete(context.WithoutCancel(ctx), name) // else the sweep removes it
	in, err := a.out.vault.Open(ctx, s)
	if err != nil {
		return err
	}
	defer in.Close()
	got, err := io.ReadAll(in)
	if err == nil && string(got) != content {
		err = errors.New("what was read is not what was put")
	}
	return err
}

// seeEvidence fails when what is signed waits too long for its time-stamp.
func (a *app) seeEvidence(ctx context.Context) error {
	n, since, err := a.ledger.Waiting(ctx)
	if err == nil && n > 0 && time.Since(since) > behind {
		err = fmt.Errorf("%d pieces wait, the first since %s", n, since.Format(time.RFC3339))
	}
	return err
}

// seeNotices fails when a notice that is due was not tried.
func (a *app) seeNotices(ctx context.Context) error {
	var late bool
	err := a.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM notice WHERE closed_at IS NULL AND not_before < $1)`, time.Now().Add(-behind)).Scan(&late)
	if err == nil && late {
		err = errors.New("notices that are due are not sent")
	}
	return err
}
