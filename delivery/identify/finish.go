package identify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// patience bounds the conversation with whoever identifies.
const patience = 40 * time.Second

// finish takes the answer that the person posts. What was begun is taken out of
// its place before anything else: of any number of presses one goes through.
func (i *Identify) finish(v *visit) error {
	if err := v.Request().ParseForm(); err != nil {
		return unreadable(err)
	}
	a := identity.Answer{Values: url.Values{}}
	for _, name := range answerFields {
		if q := v.Request().PostForm[name]; len(q) > 0 && q[0] != "" {
			a.Values[name] = q
		}
	}
	if state := a.Values.Get("state"); state != "" {
		i.cfg.Web.ClearCookie(v, stateCookie(state))
	}
	return i.prove(v, a)
}

// upload takes a signed document. One that is plainly none costs nothing: what
// was begun stays.
func (i *Identify) upload(v *visit) error {
	document, key, err := readDocument(v.Request())
	if err != nil {
		return err
	}
	if key != "" {
		return i.showDoing(v, http.StatusUnprocessableEntity, web.Fault{Field: "document", Key: key})
	}
	return i.prove(v, identity.Answer{Document: document})
}

// readDocument reads the one file of a form, or says what is wrong with it.
func readDocument(r *http.Request) (document []byte, key string, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, "fault.document.missing", nil
		}
		if err != nil {
			return nil, "", unreadable(err)
		}
		if part.FormName() == "document" {
			return readPart(part)
		}
	}
}

func readPart(part *multipart.Part) (document []byte, key string, err error) {
	document, err = io.ReadAll(io.LimitReader(part, maxDocument+1))
	switch {
	case err != nil:
		return nil, "", unreadable(err)
	case len(document) == 0:
		return nil, "fault.document.missing", nil
	case len(document) > maxDocument:
		return nil, "fault.document.large", nil
	case string(document[:min(5, len(document))]) != "%PDF-":
		return nil, "fault.document.kind", nil
	}
	return document, "", nil
}

// unreadable is what a body that ends too late or not at all is to web.
func unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("%w: %w", web.ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", web.ErrBadInput, err)
}

// prove turns an answer into a proof and gives it to the owner of the errand.
// The time is the true one: answers live minutes, and the clock of a test
// delivery may be days ahead.
func (i *Identify) prove(v *visit, a identity.Answer) error {
	m, ok := i.means(v, v.login.Method)
	if !ok {
		return identity.ErrLoginStale
	}
	ctx, cancel := context.WithTimeout(v.Request().Context(), patience)
	defer cancel()
	p, err := i.cfg.Identity.FinishLogin(ctx, v.login, m, a, i.cfg.Now())
	if err != nil {
		return err
	}
	return i.give(v, p)
}

// give hands a proof over, if it is worth what the errand asks.
func (i *Identify) give(v *visit, p identity.Proof) error {
	if granted := i.cfg.Identity.Granted(v.owner.Purpose, p.Method, p.Level); !granted.AtLeast(v.login.Level) {
		return fmt.Errorf("%w: %s at %q", identity.ErrLoginLevel, p.Method, p.Level)
	}
	return v.owner.Take(v.Context, v.login, p)
}
