package identitytest

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Choice is what somebody does on the page.
type Choice struct {
	Refuse bool
	Person string // id of a listed citizen; empty: As is typed
	As     Person
}

var (
	hiddenRequest = regexp.MustCompile(`name="request" value="([^"]+)"`)
	formAction    = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
)

// Answer opens the authorization address, fills in the form and posts it, as a
// browser would. It returns where the provider then sends the browser, without
// going there.
func Answer(ctx context.Context, client *http.Client, authorization string, c Choice) (*url.URL, error) {
	browser := *client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, authorization, nil)
	if err != nil {
		return nil, err
	}
	page, to, err := visit(&browser, get)
	if err != nil || to != nil {
		return to, err
	}
	hidden, action := hiddenRequest.FindStringSubmatch(page), formAction.FindStringSubmatch(page)
	if hidden == nil || action == nil {
		return nil, errors.New("identitytest: the page has no form")
	}
	target, err := get.URL.Parse(html.UnescapeString(action[1]))
	if err != nil {
		return nil, err
	}
	body := c.fields(html.UnescapeString(hidden[1])).Encode()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, to, err = visit(&browser, post)
	if err == nil && to == nil {
		err = errors.New("identitytest: the provider did not send the browser back")
	}
	return to, err
}

func (c Choice) fields(request string) url.Values {
	f := url.Values{"request": {request}, "decision": {"approve"}, "person": {c.Person}}
	if c.Refuse {
		f.Set("decision", "refuse")
	}
	if c.Person == "" {
		f.Set("person", "other")
		f.Set("given_name", c.As.Given)
		f.Set("family_name", c.As.Family)
		f.Set("birthdate", c.As.BirthDate)
		f.Set("national_number", c.As.NationalNumber)
	}
	return f
}

// visit returns the page, or where a redirect points.
func visit(client *http.Client, r *http.Request) (string, *url.URL, error) {
	resp, err := client.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSeeOther {
		to, err := resp.Location()
		return "", to, err
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("identitytest: %s answers %s", r.URL.Path, resp.Status)
	}
	return string(page), nil, err
}
