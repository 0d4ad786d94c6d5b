package post

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// neverCame is how long after asking a letter that Pingen does not list cannot
// come any more.
const neverCame = time.Hour

// maxHook is how large a webhook may be, in octets.
const maxHook = 1 << 20

// Reports asks after letters that have not ended, those first of which a webhook
// told, and gives what is new, oldest first. A report comes again until Done was
// called for it.
func (p *Pingen) Reports(ctx context.Context) ([]delivery.PostReport, error) {
	if err := p.round(ctx); err != nil {
		return nil, err
	}
	records, err := p.underWay(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string]delivery.PostReport{}
	for _, rec := range records {
		for _, r := range rec.Pending {
			byID[r.ID] = r
		}
	}
	return inOrder(byID), nil
}

// Done puts a report aside for good; after a final one, our copy of the letter
// goes too.
func (p *Pingen) Done(ctx context.Context, r delivery.PostReport) error {
	if !itemName.MatchString(r.Item) {
		return nil
	}
	_, err := p.note(ctx, r)
	return err
}

// round asks after every letter that is due.
func (p *Pingen) round(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, housekeepingWait)
	defer cancel()
	unlock, err := p.lock(short)
	if errors.Is(err, ErrBusy) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := p.forgetOld(ctx); err != nil {
		return err
	}
	told, err := p.hints()
	if err != nil {
		return err
	}
	records, err := p.underWay(ctx)
	if err != nil {
		return err
	}
	now := p.cfg.Now().UTC()
	for _, rec := range records {
		if rec.Remote == nil || rec.Remote.Asked.IsZero() || !told[rec.Remote.ID] && now.Sub(rec.Asked) < p.cfg.TrackEvery {
			continue
		}
		rec.Asked = now
		err := p.look(ctx, rec)
		if errors.Is(err, ErrThrottled) || errors.Is(err, ErrSignIn) {
			p.cfg.Logger.WarnContext(ctx, "letters not asked after", "partner", p.cfg.Partner, "error", err)
			return nil
		}
		if err != nil {
			p.cfg.Logger.WarnContext(ctx, "letter not asked after", "partner", p.cfg.Partner, "item", rec.Item, "error", err)
		}
	}
	return nil
}

// look asks after one letter and notes what is new.
func (p *Pingen) look(ctx context.Context, rec record) error {
	if rec.Remote.ID == "" {
		if !rec.Withdrawing {
			return nil // HandOver will be called again, and looks for it
		}
		after, err := p.stop(ctx, rec)
		if err != nil {
			return err
		}
		if rec = after; rec.Remote.ID == "" {
			if p.cfg.Now().Sub(rec.Remote.Asked) < neverCame {
				return p.store(rec)
			}
			return p.tell(rec, delivery.PostReport{ID: "pg-" + rec.Item + "-never", Item: rec.Item, Status: delivery.PostCancelled, At: p.cfg.Now().UTC()})
		}
	}
	letter, err := p.fetch(ctx, rec.Remote.ID)
	if err != nil {
		return errors.Join(err, p.store(rec))
	}
	known := rec.Remote.State == letter.Attributes.Status
	rec.Remote.State = letter.Attributes.Status
	means, ok := p.causes.means("pingen", letter.Attributes.Status)
	id := "pg-" + rec.Remote.ID + "-" + string(means.Status)
	if !ok || rec.has(id) {
		if !known && letter.Attributes.Status == "action_required" {
			p.cfg.Logger.ErrorContext(ctx, "letter waits for somebody to act at the partner", "partner", p.cfg.Partner, "item", rec.Item)
		}
		return p.store(rec)
	}
	r := delivery.PostReport{ID: id, Item: rec.Item, Status: means.Status, At: p.cfg.Now().UTC()}
	if at, err := time.Parse(pingenTime, letter.Attributes.Updated); err == nil && at.Before(r.At.Add(time.Hour)) && at.Year() >= 2000 {
		r.At = at.UTC()
	}
	if r.Tracking, err = plainTracking(letter.Attributes.Tracking); err != nil {
		p.cfg.Logger.WarnContext(ctx, "tracking number refused", "partner", p.cfg.Partner, "item", rec.Item, "error", err)
	}
	if ends(means.Status) && means.Status != delivery.PostDelivered && means.Status != delivery.PostCancelled {
		if r.Cause, r.Text, err = p.why(ctx, rec.Remote.ID, means.Status); err != nil {
			return errors.Join(err, p.store(rec))
		}
	}
	return p.tell(rec, p.canonical(r, means))
}

// tell notes a report that Reports gives until it is done with.
func (p *Pingen) tell(rec record, r delivery.PostReport) error {
	if !rec.has(r.ID) {
		rec.Pending = append(rec.Pending, r)
	}
	rec.Cancelled = rec.Cancelled || r.Status == delivery.PostCancelled
	return p.store(rec)
}

// why finds the cause of an end in the letter's history: the last event for which
// we have a word, else the name of the last one.
func (p *Pingen) why(ctx context.Context, id string, status delivery.PostStatus) (cause, text string, err error) {
	events, err := p.events(ctx, id)
	if err != nil {
		return "", "", err
	}
	last := ""
	for _, e := range events {
		at := e.Attributes.Emitted
		for _, word := range append([]string{e.Attributes.Code}, e.Attributes.Data...) {
			if code := p.causes.of(status, word); code != "other" && at >= last {
				cause, last = word, at
			}
		}
		text = e.Attributes.Name
	}
	return cause, text, nil
}

// hints lists the letters of which webhooks told, once.
func (p *Pingen) hints() (map[string]bool, error) {
	entries, err := os.ReadDir(p.path("hints"))
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	told := map[string]bool{}
	for _, e := range entries {
		if err := os.Remove(p.path("hints", e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("post: %w", err)
		}
		told[e.Name()] = true
	}
	return told, nil
}

// ServeHTTP takes in a webhook. All it does is to have the letter asked after
// soon: what a webhook says, late, twice or out of order, is never believed.
func (p *Pingen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.conf.HookSecret == "" || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		http.Error(w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		return
	}
	mac := hmac.New(sha256.New, []byte(p.conf.HookSecret))
	mac.Write(body)
	given, err := hex.DecodeString(r.Header.Get("Signature"))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		p.cfg.Logger.WarnContext(r.Context(), "webhook with a wrong signature", "partner", p.cfg.Partner)
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		return
	}
	var hook struct {
		Data struct {
			Relationships struct {
				Letter struct {
					Data struct {
						ID string `json:"id"`
					} `json:"data"`
				} `json:"letter"`
			} `json:"relationships"`
		} `json:"data"`
	}
	id := ""
	if json.Unmarshal(body, &hook) == nil {
		id = hook.Data.Relationships.Letter.Data.ID
	}
	if uuid.MatchString(id) {
		if err := os.WriteFile(p.path("hints", id), nil, 0o600); err != nil {
			p.cfg.Logger.ErrorContext(r.Context(), "webhook not noted", "error", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// Check says whether Pingen lets us in, and knows our organisation.
func (p *Pingen) Check(ctx context.Context) error {
	return p.call(ctx, http.MethodGet, "/letters?page[number]=1&page[limit]=1", "", nil, nil)
}
