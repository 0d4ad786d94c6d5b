package post

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bode-erds/bode/delivery"
)

// BpostConfig says how to reach bpost's interface for senders of registered mail
// ("SEN", version v1): letters are announced there and get their barcode, are
// tracked, and have signed proofs. Paths are data, because the contract has them.
type BpostConfig struct {
	API        string // default https://sen.bpost.be
	Key        string // x-api-key
	Product    string // registeredmail (default) or judicialmail
	Account    int64  // of the company that sends
	Subaccount int64  // of its department; 0: none
	Router     int64  // ours, when we send for others; 0: none
	Receipt    bool   // with digital acknowledgement of receipt
	Public     bool   // option RP of public authorities
	Paths      BpostPaths
	HTTP       *http.Client
}

// BpostPaths are below API; {product}, {barcode} and {reference} stand for what
// they say, {kind} for deposit or receipt.
type BpostPaths struct {
	Announce string // default /api/{product}/announcement
	Search   string // default /api/{product}/search?reference={reference}
	Track    string // default /api/{product}/track/{barcode}
	Proof    string // default /api/{product}/proof/{barcode}/{kind}
}

// maxField is how long a field of an announcement may be, in characters.
const maxField = 50

// Bpost is an Operator. Safe for concurrent use.
type Bpost struct{ cfg BpostConfig }

var _ Operator = (*Bpost)(nil)

// NewBpost asks nothing of bpost yet.
func NewBpost(cfg BpostConfig) (*Bpost, error) {
	def(&cfg.API, "https://sen.bpost.be")
	def(&cfg.Product, "registeredmail")
	def(&cfg.Paths.Announce, "/api/{product}/announcement")
	def(&cfg.Paths.Search, "/api/{product}/search?reference={reference}")
	def(&cfg.Paths.Track, "/api/{product}/track/{barcode}")
	def(&cfg.Paths.Proof, "/api/{product}/proof/{barcode}/{kind}")
	u, err := url.Parse(cfg.API)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1":
		return nil, fmt.Errorf("post: configuration: %q is not the address of an interface over TLS", cfg.API)
	case cfg.Key == "" || cfg.Account <= 0:
		return nil, errors.New("post: configuration: key and account at bpost are needed")
	case cfg.Product != "registeredmail" && cfg.Product != "judicialmail":
		return nil, fmt.Errorf("post: configuration: bpost has no product %q", cfg.Product)
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Bpost{cfg}, nil
}

// bpostAddress is a sender or receiver, with the address in lines.
type bpostAddress struct {
	Name    string `json:"name"`
	Extra   string `json:"department,omitempty"`
	Street  string `json:"unstructuredStreet"`
	City    string `json:"unstructuredCity"`
	Country string `json:"countryCode"`
}

// announcement is what bpost is told. It agrees with the manifest, and so with
// what the partner deposits: the same address, product and reference.
type announcement struct {
	Account    int64 `json:"accountID"`
	Subaccount int64 `json:"subaccountID,omitempty"`
	Router     int64 `json:"routerID,omitempty"`
	Item       struct {
		Sender    bpostAddress `json:"sender"`
		Receiver  bpostAddress `json:"receiver"`
		Options   []string     `json:"options,omitempty"`
		Reference string       `json:"customReference1"`
	} `json:"itemDetails"`
}

// Announce implements [Operator]. Letters that leave Belgium are not announced. A
// try whose answer was lost is found by its reference instead of announced twice.
func (b *Bpost) Announce(ctx context.Context, m Manifest) (string, error) {
	if m.Country != "BE" {
		return "", nil
	}
	var a announcement
	var err error
	a.Account, a.Subaccount, a.Router = b.cfg.Account, b.cfg.Subaccount, b.cfg.Router
	if a.Item.Receiver, err = bpostLines(m.Address); err != nil {
		return "", err
	}
	if a.Item.Sender, err = bpostLines(m.Return); err != nil {
		return "", err
	}
	if b.cfg.Receipt {
		a.Item.Options = append(a.Item.Options, "digitalAR")
	}
	if b.cfg.Public {
		a.Item.Options = append(a.Item.Options, "RP")
	}
	a.Item.Reference = m.Item
	if barcode, err := b.search(ctx, m.Item); barcode != "" || err != nil {
		return barcode, err
	}
	body, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	var answer struct {
		Barcode string `json:"barcode"`
	}
	if err := b.call(ctx, http.MethodPost, b.cfg.Paths.Announce, m.Item, "", "", body, &answer); err != nil {
		var no *refusedError
		if errors.As(err, &no) {
			err = fmt.Errorf("%w: %w", ErrAnnouncement, err)
		}
		return "", err
	}
	return plainBarcode(answer.Barcode)
}

// bpostLines puts the lines of an address into fields. What is longer than a field
// is not cut: a name goes on in the next field, anything else is refused.
func bpostLines(lines []string) (bpostAddress, error) {
	a := bpostAddress{Country: "BE"}
	if len(lines) < 3 {
		return a, fmt.Errorf("%w: %d address lines", ErrAnnouncement, len(lines))
	}
	n := len(lines)
	a.Name, a.Street, a.City = lines[0], lines[n-2], lines[n-1]
	rest := lines[1 : n-2]
	if utf8.RuneCountInString(a.Name) > maxField {
		if at := strings.LastIndex(string([]rune(a.Name)[:maxField+1]), " "); at > 0 {
			rest = append([]string{a.Name[at+1:]}, rest...)
			a.Name = a.Name[:at]
		}
	}
	a.Extra = strings.Join(rest, ", ")
	for _, field := range []string{a.Name, a.Extra, a.Street, a.City} {
		if utf8.RuneCountInString(field) > maxField {
			return a, fmt.Errorf("%w: a line of more than %d characters", ErrAnnouncement, maxField)
		}
	}
	return a, nil
}

// plainBarcode refuses what no envelope can carry. How bpost makes its 30 digits
// is not public, so they are taken as they come; international ones have a check
// digit.
func plainBarcode(code string) (string, error) {
	code, err := plainTracking(code)
	if err != nil || code == "" {
		return "", fmt.Errorf("%w: barcode", ErrAnswer)
	}
	return code, nil
}

// search gives the barcode of an announced reference; "" when there is none.
func (b *Bpost) search(ctx context.Context, reference string) (string, error) {
	var a struct {
		Items []struct {
			Barcode   string `json:"barcode"`
			Reference string `json:"customReference1"`
		} `json:"items"`
	}
	err := b.call(ctx, http.MethodGet, b.cfg.Paths.Search, reference, "", "", nil, &a)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, i := range a.Items {
		if i.Reference == reference {
			return plainBarcode(i.Barcode)
		}
	}
	return "", nil
}

// Track implements [Operator].
func (b *Bpost) Track(ctx context.Context, barcode string) ([]Sighting, error) {
	var a struct {
		Barcode string            `json:"barcode"`
		Events  []json.RawMessage `json:"events"`
	}
	err := b.call(ctx, http.MethodGet, b.cfg.Paths.Track, "", barcode, "", nil, &a)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // announced, not yet seen
	}
	if err != nil {
		return nil, err
	}
	if a.Barcode != barcode {
		return nil, fmt.Errorf("%w: another barcode than asked for", ErrAnswer)
	}
	var all []Sighting
	for _, raw := range a.Events {
		var e struct {
			Status string    `json:"status"`
			Reason string    `json:"reason"`
			At     time.Time `json:"timestamp"`
			Text   string    `json:"description"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		all = append(all, Sighting{State: e.Status, Cause: e.Reason, At: e.At, Text: e.Text, Raw: raw})
	}
	return all, nil
}

// Proof implements [Operator].
func (b *Bpost) Proof(ctx context.Context, barcode string, kind delivery.PostPaper) (string, io.ReadCloser, error) {
	name, ok := map[delivery.PostPaper]string{delivery.DepositProof: "deposit", delivery.ReceiptScan: "receipt"}[kind]
	if !ok {
		return "", nil, fmt.Errorf("post: proof of kind %q: %w", kind, fs.ErrNotExist)
	}
	resp, err := b.ask(ctx, http.MethodGet, b.cfg.Paths.Proof, "", barcode, name, nil)
	if err != nil {
		return "", nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return mediaType, resp.Body, nil
}
