package delivery

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Find is what a list is narrowed to. The zero Find is everything live.
type Find struct {
	Test       bool
	Status     Status
	State      State     // finer than Status
	From       time.Time // submitted not before it
	To         time.Time // submitted before it
	Number     string    // whole; white space and hyphens do not matter
	Reference  string    // whole, in any case, as are the next
	CostCentre string
	Recipient  string // the beginning of a name, either way round, of an organisation's name, or of an e-mail address
}

// maxWord bounds what a list is narrowed by, in octets.
const maxWord = 254

// Check finds what is wrong with a Find.
func (f Find) Check() (faults FieldErrors) {
	add := func(field, code string) { faults = append(faults, FieldError{Pointer: "/" + field, Code: code}) }
	if f.Status != "" && !slices.Contains(Statuses, f.Status) {
		faults = append(faults, FieldError{Pointer: "/status", Code: "unsupported", Args: map[string]string{"allowed": choicesOf(Statuses)}})
	}
	if f.State != "" && !slices.Contains(States, f.State) {
		faults = append(faults, FieldError{Pointer: "/state", Code: "unsupported", Args: map[string]string{"allowed": choicesOf(States)}})
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		add("to", "before_from")
	}
	for _, w := range []struct{ field, value string }{{"number", f.Number}, {"reference", f.Reference}, {"cost_centre", f.CostCentre}, {"recipient", f.Recipient}} {
		if len(w.value) > maxWord || !utf8.ValidString(w.value) || strings.ContainsFunc(w.value, func(r rune) bool { return r < ' ' }) {
			add(w.field, "malformed")
		}
	}
	return faults
}

// choicesOf names what is allowed.
func choicesOf[T ~string](values []T) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}

// ByRecipient reports that the list is of deliveries rather than of messages: it
// is narrowed by what each recipient has of its own.
func (f Find) ByRecipient() bool { return f.Status != "" || f.State != "" || f.Recipient != "" }

// states are those that f is narrowed to; nil: any.
func (f Find) states() []State {
	switch {
	case f.State != "" && (f.Status == "" || slices.Contains(f.Status.States(), f.State)):
		return []State{f.State}
	case f.State != "":
		return []State{} // none
	}
	return f.Status.States()
}

// number is a message number as it is kept.
func (f Find) number() string {
	n := strings.ToUpper(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, f.Number))
	if len(n) != 12 {
		return n
	}
	return n[:4] + "-" + n[4:8] + "-" + n[8:]
}

// names are the ways in which a name that begins with Recipient is kept: family
// name first.
func (f Find) names() (a, b string) {
	a = strings.Join(strings.Fields(f.Recipient), " ")
	b = a
	if first, rest, ok := strings.Cut(a, " "); ok {
		b = rest + " " + first
	}
	return a, b
}

// Mark is a place in a list: a delivery, or, with position 0, a message.
type Mark struct {
	Message  ID
	Position int
}

// String is the form in which a mark is given out.
func (m Mark) String() string {
	if m.Message == "" {
		return ""
	}
	return string(m.Message) + "." + strconv.Itoa(m.Position)
}

// ParseMark reads what String wrote. The empty string is the zero mark. Errors:
// ErrNotFound.
func ParseMark(s string) (Mark, error) {
	if s == "" {
		return Mark{}, nil
	}
	id, position, _ := strings.Cut(s, ".")
	n, err := strconv.Atoi(position)
	if err != nil || !isID(id) || n < 0 || n > MaxRecipients {
		return Mark{}, ErrNotFound
	}
	return Mark{ID(id), n}, nil
}

// Place is from where a list is read and in which direction. The zero Place is
// the newest.
type Place struct {
	Mark
	Newer bool // what is newer than the mark, instead of what is older
}

// Found is one page of a list, newest first.
type Found[T any] struct {
	List         []T
	Older, Newer Mark // where to go on; zero where there is nothing, as far as is known
	// Partial: the page has room, and there is more to look through from Older on
	// (or Newer). A page looks at so many candidates and no more.
	Partial bool
}

// Bounds of the work that one page makes.
const (
	lookAll  = MaxPage + 1 // candidates, when every one of them fits
	lookSome = 1000        // candidates, when some do not
	maxSet   = 500         // deliveries that are sorted by time after they were found otherwise
)

// FindDeliveries is a page of the deliveries of an account, newest message first
// and within a message the last recipient first, at most limit of them (MaxPage).
// It costs the same however many there are; a page may hold fewer than limit
// although there is more, see Found. Errors: FieldErrors.
func (s *Service) FindDeliveries(ctx context.Context, account string, f Find, from Place, limit int) (Found[Delivery], error) {
	if faults := f.Check(); len(faults) > 0 {
		return Found[Delivery]{}, faults
	}
	q, err := s.seek(ctx, account, f, from)
	if err != nil {
		return Found[Delivery]{}, err
	}
	hits, found, err := walk[Delivery](ctx, s, q, from, min(max(limit, 1), MaxPage))
	if err != nil || len(hits) == 0 {
		return found, err
	}
	found.List, err = s.deliveriesIn(ctx, account, hits)
	return found, err
}

// FindMessages is FindDeliveries for messages. A message fits when one of its
// deliveries does. Errors: FieldErrors.
func (s *Service) FindMessages(ctx context.Context, account string, f Find, from Place, limit int) (Found[Message], error) {
	if faults := f.Check(); len(faults) > 0 {
		return Found[Message]{}, faults
	}
	q, err := s.seekMessages(ctx, account, f, from)
	if err != nil {
		return Found[Message]{}, err
	}
	hits, found, err := walk[Message](ctx, s, q, from, min(max(limit, 1), MaxPage))
	if err != nil || len(hits) == 0 {
		return found, err
	}
	found.List, err = s.messagesIn(ctx, account, hits)
	return found, err
}
