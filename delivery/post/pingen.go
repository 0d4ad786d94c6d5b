package post

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// PingenConfig says how to reach Pingen, a print and post service for Switzerland,
// Austria, Germany and some more countries. Config.Product is one of fast, cheap,
// bulk, premium and registered.
type PingenConfig struct {
	Config
	API          string // default https://api.pingen.com
	Identity     string // default https://identity.pingen.com
	Organisation string // id of our organisation there
	ClientID     string
	ClientSecret string
	HookSecret   string // of webhooks; without one they are not listened to
	HTTP         *http.Client
}

// Pingen hands letters to Pingen's interface, version 2. It is a
// delivery.PostPartner. Safe for concurrent use, also by several processes on one
// folder.
type Pingen struct {
	*desk
	conf PingenConfig

	mu        sync.Mutex
	token     string
	fresh     time.Time // until when the token is good
	notBefore time.Time // it wants to be left alone until then
}

var _ delivery.PostPartner = (*Pingen)(nil)

// remote is what we know of a letter at a partner that has an interface.
type remote struct {
	ID        string    `json:"id,omitempty"` // the partner's; "" until it answered
	State     string    `json:"state,omitempty"`
	FileURL   string    `json:"file_url,omitempty"`
	Signature string    `json:"signature,omitempty"`
	Asked     time.Time `json:"asked,omitzero"` // when a letter was first asked for; from then on there may be one
}

// uuid is how Pingen names things.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// NewPingen opens our folder in cfg.Dir; nothing is asked of Pingen yet.
func NewPingen(cfg PingenConfig) (*Pingen, error) {
	def(&cfg.API, "https://api.pingen.com")
	def(&cfg.Identity, "https://identity.pingen.com")
	if cfg.Organisation == "" || cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("post: configuration: organisation, client and its secret are needed")
	}
	for _, raw := range []string{cfg.API, cfg.Identity} {
		if u, err := url.Parse(raw); err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" {
			return nil, fmt.Errorf("post: configuration: %q is not the address of an interface over TLS", raw)
		}
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	d, err := newDesk(cfg.Config)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.path("hints"), 0o700); err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	return &Pingen{desk: d, conf: cfg}, nil
}

// HandOver makes the letter and gives it to Pingen. Whatever crashed or got lost
// in between, the same call ends with one letter:
//
//  1. to 3. as of a hot folder
//  4. upload the PDF and note where it is
//  5. note that a letter is being asked for; from here on, every try first looks
//     for it by its file name, which is the item
//  6. ask for the letter, under a key that makes asking twice the same as once
//  7. note its id
//
// Errors: those for which [Permanent] is true, ErrBusy, ErrSignIn, ErrThrottled,
// what the network said.
func (p *Pingen) HandOver(ctx context.Context, l delivery.Letter) (delivery.PostReceipt, error) {
	unlock, err := p.lock(ctx)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	defer unlock()
	rec, pdf, err := p.letter(ctx, l)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	if !rec.Placed && rec.Manifest != nil {
		if err := p.hand(ctx, rec, pdf); err != nil {
			return delivery.PostReceipt{}, err
		}
	}
	return p.receipt(rec, pdf), nil
}

// hand does steps 4 to 7. Letters of test deliveries stay here.
func (p *Pingen) hand(ctx context.Context, rec record, pdf []byte) error {
	if rec.Manifest.Test {
		return p.placed(rec)
	}
	if rec.Remote != nil && !rec.Remote.Asked.IsZero() {
		found, err := p.find(ctx, rec)
		if err != nil {
			return err
		}
		if found != nil {
			rec.Remote.ID = found.ID
			return p.placed(rec)
		}
	}
	if rec.Remote == nil {
		where, err := p.upload(ctx, pdf)
		if err != nil {
			return err
		}
		rec.Remote = &where
		if err := p.store(rec); err != nil {
			return err
		}
	}
	if rec.Remote.Asked.IsZero() {
		rec.Remote.Asked = p.cfg.Now().UTC()
		if err := p.store(rec); err != nil {
			return err
		}
	}
	id, err := p.create(ctx, rec)
	if errors.Is(err, errUploadGone) { // there is no letter, for certain
		rec.Remote = nil
		return errors.Join(err, p.store(rec))
	}
	if err != nil {
		return err
	}
	rec.Remote.ID = id
	return p.placed(rec)
}

func (p *Pingen) placed(rec record) error {
	rec.PDFPlaced, rec.Placed, rec.PlacedAt = true, true, p.cfg.Now().UTC()
	return p.store(rec)
}

// Cancel asks Pingen not to send a letter. While it is not known whether Pingen
// has it, the answer is no, and a report follows.
func (p *Pingen) Cancel(ctx context.Context, item string) (bool, error) {
	if !itemName.MatchString(item) {
		return false, fmt.Errorf("post: item %q: %w", item, fs.ErrNotExist)
	}
	unlock, err := p.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	rec, err := p.record(item)
	switch {
	case err != nil:
		return false, err
	case rec.Cancelled:
		return true, nil
	case rec.Manifest == nil:
		return false, nil
	}
	if !rec.Withdrawing {
		rec.Withdrawing = true
		if err := p.store(rec); err != nil {
			return false, err
		}
	}
	if rec.Remote == nil || rec.Remote.Asked.IsZero() { // never asked for, and never will be
		return true, p.cancelled(rec)
	}
	if rec, err = p.stop(ctx, rec); err != nil {
		return false, err
	}
	if rec.Remote.State != "cancelled" {
		return false, nil
	}
	return true, p.cancelled(rec)
}

// cancelled notes that a letter will not be posted, and forgets it.
func (p *Pingen) cancelled(rec record) error {
	rec.Cancelled = true
	if err := p.store(rec); err != nil {
		return err
	}
	return p.forget(rec.Item)
}

// stop finds the letter if need be, asks for its end and looks what came of it.
func (p *Pingen) stop(ctx context.Context, rec record) (record, error) {
	if rec.Remote.ID == "" {
		found, err := p.find(ctx, rec)
		if err != nil || found == nil {
			return rec, err
		}
		rec.Remote.ID = found.ID
		if err := p.placed(rec); err != nil {
			return rec, err
		}
		rec.Placed = true
	}
	path := "/letters/" + rec.Remote.ID + "/cancel"
	err := p.call(ctx, http.MethodPatch, path, rec.Item+"-cancel", nil, nil)
	var refused *refusedError
	if err != nil && !errors.As(err, &refused) {
		return rec, err
	}
	letter, err := p.fetch(ctx, rec.Remote.ID)
	if err == nil {
		rec.Remote.State = letter.Attributes.Status
	}
	return rec, err
}

// position is on which side Pingen looks for the address.
func (p *Pingen) position() string {
	if w := p.cfg.Window.Window; w.X+w.W/2 < 105 {
		return "left"
	}
	return "right"
}

// recipient is the address in fields, which registered letters need.
func recipient(m Manifest) map[string]string {
	r := map[string]string{"country": cmp.Or(m.Country, "BE")}
	if len(m.Address) > 0 {
		r["name"] = m.Address[0]
	}
	for i := len(m.Address) - 1; i > 0; i-- {
		zip, city, ok := strings.Cut(m.Address[i], " ")
		if !ok || !strings.ContainsAny(zip, "0123456789") || i < 2 {
			continue
		}
		r["zip"], r["city"] = zip, city
		street := m.Address[i-1]
		if at := strings.IndexAny(street, "0123456789"); at > 0 {
			r["number"] = strings.TrimSpace(street[at:])
			street = street[:at]
		}
		r["street"] = strings.TrimSpace(street)
		break
	}
	return r
}
