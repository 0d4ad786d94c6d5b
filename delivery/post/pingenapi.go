package post

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	jsonAPI    = "application/vnd.api+json"
	maxAnswer  = 4 << 20
	maxPages   = 50 // of the list of letters, when one is looked for
	pingenTime = "2006-01-02T15:04:05-0700"
)

// errUploadGone: the letter was refused because its file is not there any more.
var errUploadGone = errors.New("post: the uploaded file is not taken any more")

// refusedError is an answer that says no; the letter was not touched.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("post: partner says %d: %s", e.status, e.text)
}

// pingenLetter is a letter as Pingen describes it.
type pingenLetter struct {
	ID         string `json:"id"`
	Attributes struct {
		Status   string `json:"status"`
		File     string `json:"file_original_name"`
		Tracking string `json:"tracking_number"`
		Created  string `json:"created_at"`
		Updated  string `json:"updated_at"`
	} `json:"attributes"`
}

// pingenEvent is a line of a letter's history.
type pingenEvent struct {
	Attributes struct {
		Code    string   `json:"code"`
		Name    string   `json:"name"`
		Data    []string `json:"data"`
		Emitted string   `json:"emitted_at"`
	} `json:"attributes"`
}

// upload puts the PDF where Pingen says.
func (p *Pingen) upload(ctx context.Context, pdf []byte) (remote, error) {
	var a struct {
		Data struct {
			Attributes struct {
				URL       string `json:"url"`
				Signature string `json:"url_signature"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if err := p.do(ctx, http.MethodGet, p.conf.API+"/file-upload", "", nil, &a); err != nil {
		return remote{}, err
	}
	r := remote{FileURL: a.Data.Attributes.URL, Signature: a.Data.Attributes.Signature}
	u, err := url.Parse(r.FileURL)
	if err != nil || u.Host == "" || r.Signature == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" {
		return remote{}, fmt.Errorf("%w: where to put the file", ErrAnswer)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, r.FileURL, bytes.NewReader(pdf))
	if err != nil {
		return remote{}, fmt.Errorf("post: %w", err)
	}
	req.Header.Set("Content-Type", "application/pdf")
	resp, err := p.conf.HTTP.Do(req)
	if err != nil {
		return remote{}, fmt.Errorf("post: upload: %w", withoutQuery(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return remote{}, fmt.Errorf("post: upload: %s", resp.Status)
	}
	return r, nil
}

// withoutQuery takes the address out of an error: what it ends with is a
// permission.
func withoutQuery(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// create asks for the letter. The key depends on the file, so that a letter that
// was refused for its file can be asked for with another.
func (p *Pingen) create(ctx context.Context, rec record) (string, error) {
	m := *rec.Manifest
	attributes := map[string]any{
		"file_original_name": rec.Item + ".pdf", "file_url": rec.Remote.FileURL, "file_url_signature": rec.Remote.Signature,
		"address_position": p.position(), "auto_send": true, "delivery_product": m.Product,
		"print_mode":     map[bool]string{true: "duplex", false: "simplex"}[m.Duplex],
		"print_spectrum": map[bool]string{true: "color", false: "grayscale"}[m.Colour],
		"meta_data":      map[string]any{"recipient": recipient(m)},
	}
	sum := sha256.Sum256([]byte(rec.Remote.FileURL))
	var a struct {
		Data pingenLetter `json:"data"`
	}
	err := p.call(ctx, http.MethodPost, "/letters", rec.Item+"-"+hex.EncodeToString(sum[:8]),
		map[string]any{"data": map[string]any{"type": "letters", "attributes": attributes}}, &a)
	var no *refusedError
	if errors.As(err, &no) && no.status != http.StatusConflict { // a conflict: the same is being asked elsewhere
		if strings.Contains(no.text, "file_url") {
			return "", errUploadGone
		}
		return "", fmt.Errorf("%w: %w", unpostable("post: partner refuses the letter"), err)
	}
	if err == nil && !uuid.MatchString(a.Data.ID) {
		err = fmt.Errorf("%w: id of the letter", ErrAnswer)
	}
	return a.Data.ID, err
}

// fetch reads what became of a letter.
func (p *Pingen) fetch(ctx context.Context, id string) (pingenLetter, error) {
	var a struct {
		Data pingenLetter `json:"data"`
	}
	err := p.call(ctx, http.MethodGet, "/letters/"+id, "", nil, &a)
	if err == nil && a.Data.ID != id {
		err = fmt.Errorf("%w: another letter than asked for", ErrAnswer)
	}
	return a.Data, err
}

// events reads a letter's history.
func (p *Pingen) events(ctx context.Context, id string) ([]pingenEvent, error) {
	var a struct {
		Data []pingenEvent `json:"data"`
	}
	return a.Data, p.call(ctx, http.MethodGet, "/letters/"+id+"/events", "", nil, &a)
}

// find looks for a letter of which we do not know whether Pingen has it; nil
// when it has none. The newest come first.
func (p *Pingen) find(ctx context.Context, rec record) (*pingenLetter, error) {
	for page := 1; page <= maxPages; page++ {
		var a struct {
			Data []pingenLetter `json:"data"`
			Meta struct {
				Last int `json:"last_page"`
			} `json:"meta"`
		}
		if err := p.call(ctx, http.MethodGet, fmt.Sprintf("/letters?sort=-created_at&page[number]=%d&page[limit]=100", page), "", nil, &a); err != nil {
			return nil, err
		}
		for _, l := range a.Data {
			if l.Attributes.File == rec.Item+".pdf" && uuid.MatchString(l.ID) {
				return &l, nil
			}
			if at, err := time.Parse(pingenTime, l.Attributes.Created); err == nil && at.Before(rec.Remote.Asked.Add(-time.Hour)) {
				return nil, nil // older ones cannot be it, whatever the two clocks say
			}
		}
		if page >= a.Meta.Last {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("post: item %s: too many letters to look through", rec.Item)
}

// call makes a call about our organisation.
func (p *Pingen) call(ctx context.Context, method, path, key string, body, answer any) error {
	return p.do(ctx, method, p.conf.API+"/organisations/"+url.PathEscape(p.conf.Organisation)+path, key, body, answer)
}

// do makes a call, once more when the token had ended. Errors: refusedError,
// ErrSignIn, ErrThrottled, ErrAnswer, what the network said.
func (p *Pingen) do(ctx context.Context, method, address, key string, body, answer any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("post: %w", err)
		}
	}
	for again := true; ; again = false {
		token, err := p.signIn(ctx, !again)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(raw))
		if err != nil {
			return fmt.Errorf("post: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", jsonAPI)
		if body != nil {
			req.Header.Set("Content-Type", jsonAPI)
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		resp, err := p.conf.HTTP.Do(req)
		if err != nil {
			return fmt.Errorf("post: %s: %w", p.conf.API, withoutQuery(err))
		}
		if resp.StatusCode == http.StatusUnauthorized && again {
			resp.Body.Close()
			continue
		}
		return p.answered(resp, answer)
	}
}

// answered reads the answer of a call.
func (p *Pingen) answered(resp *http.Response, answer any) error {
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("post: answer cut off: %w", err)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		p.leaveAlone(resp.Header.Get("Retry-After"))
		return ErrThrottled
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%w: %d", ErrSignIn, code)
	case code == http.StatusRequestTimeout || code/100 == 5:
		return fmt.Errorf("post: partner says %d", code)
	case code/100 == 4:
		return &refusedError{code, cleaned(string(b))}
	case code/100 != 2:
		return fmt.Errorf("%w: %d", ErrAnswer, code)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}
