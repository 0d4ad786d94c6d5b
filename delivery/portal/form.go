package portal

import (
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bode-erds/bode/delivery/web"
)

// maxFields bounds the text of a form with the names of its fields, in octets;
// maxNames how many names; there may be twice as many fields.
const (
	maxFields = 4 << 20
	maxNames  = 2000
)

// pair is one hidden field.
type pair struct{ Name, Value string }

// hidden writes values as hidden fields, in a fixed order.
func hidden(prefix string, values url.Values) []pair {
	var out []pair
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			out = append(out, pair{prefix + name, v})
		}
	}
	return out
}

// printable reports whether s is text that a database can hold and a person can
// have typed on one line.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// dropFiles reads past files.
func dropFiles(*multipart.Part) error { return nil }

// readForm reads a form of either encoding in one pass. Each file is given to
// file as it streams by; fields are held in memory, up to maxFields. Errors:
// web.ErrBadInput, web.ErrTooLarge, those of file.
func readForm(r *http.Request, file func(*multipart.Part) error) (url.Values, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return readURLEncoded(r.Body)
	case "multipart/form-data":
		return readMultipart(multipart.NewReader(r.Body, params["boundary"]), file)
	}
	return nil, fmt.Errorf("%w: %s", web.ErrBadInput, kind)
}

func readURLEncoded(r io.Reader) (url.Values, error) {
	b, err := io.ReadAll(io.LimitReader(r, 3*maxFields+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	if len(b) > 3*maxFields {
		return nil, web.ErrTooLarge
	}
	values, err := url.ParseQuery(string(b))
	if err != nil || len(values) > maxNames {
		return nil, fmt.Errorf("%w: %w", web.ErrBadInput, err)
	}
	return values, nil
}

func readMultipart(m *multipart.Reader, file func(*multipart.Part) error) (url.Values, error) {
	values, left := url.Values{}, int64(maxFields)
	for parts := 0; ; parts++ {
		if parts > 2*maxNames {
			return nil, web.ErrTooLarge
		}
		part, err := m.NextPart()
		if err == io.EOF {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", web.ErrBadInput, err)
		}
		if part.FileName() != "" {
			if err := file(part); err != nil {
				return nil, blame(part, err)
			}
			continue
		}
		if _, isFile, _ := disposition(part); isFile {
			continue // a file field left empty
		}
		b, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", web.ErrBadInput, err)
		}
		if left -= int64(len(b) + len(part.FormName())); left < 0 || len(values) > maxNames {
			return nil, web.ErrTooLarge
		}
		values.Add(part.FormName(), string(b))
	}
}

// blame tells a file that ended in the middle, which is the sender's, from what
// became of it with us: a part that broke off says so each time it is read.
func blame(part *multipart.Part, err error) error {
	if _, broken := part.Read(make([]byte, 1)); broken != nil && broken != io.EOF {
		return fmt.Errorf("%w: %w", web.ErrBadInput, broken)
	}
	return err
}

// disposition gives the file name of a part as sent, and whether it is a file.
func disposition(p *multipart.Part) (name string, isFile bool, err error) {
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	name, isFile = params["filename"]
	return name, isFile, err
}
