package pades

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bode-erds/bode/evidence"
)

//go:embed words/*.json
var wordFiles embed.FS

// words is what a document says in one language. Titles of events, reasons and
// claims come from the evidence package, which says the same everywhere.
type words struct {
	Proves   map[string]string            `json:"proves"` // by event
	Limit    map[string]string            `json:"limit"`  // by limitOf
	Section  map[string]string            `json:"section"`
	Label    map[string]string            `json:"label"`
	Steps    []string                     `json:"steps"`
	Method   map[string]string            `json:"method"`
	Level    map[string]string            `json:"level"`
	Scheme   map[string]string            `json:"scheme"`
	Detail   map[string]string            `json:"detail"`
	Value    map[string]map[string]string `json:"value"` // by detail key, then value
	Months   []string                     `json:"months"`
	Days     []string                     `json:"days"`
	FirstDay string                       `json:"first_day"`
	Day      string                       `json:"day"`
	Long     string                       `json:"long"`
	Short    string                       `json:"short"`
	Thousand string                       `json:"thousands"`
	Octets   string                       `json:"octets"`

	lang string
}

var wordBooks = sync.OnceValue(func() map[string]*words {
	books := map[string]*words{}
	for _, lang := range evidence.Languages() {
		data, err := wordFiles.ReadFile("words/" + lang + ".json")
		w := &words{lang: lang}
		if err == nil {
			err = json.Unmarshal(data, w)
		}
		if err != nil {
			panic("pades: words: " + err.Error()) // built in; a test reads it
		}
		books[lang] = w
	}
	return books
})

func wordsFor(lang string) (*words, error) {
	if w := wordBooks()[lang]; w != nil {
		return w, nil
	}
	return nil, fmt.Errorf("%w: language %q", ErrRender, lang)
}

// title says in a few words what happened.
func (w *words) title(n evidence.Name) string { return n.Title(w.lang) }

// fill replaces {key} by value for each pair.
func (w *words) fill(s string, kv ...string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		key, behind, _ := strings.Cut(rest, "}")
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == key {
				b.WriteString(kv[i+1])
			}
		}
		s = behind
	}
}

// long is t as a person would write it, in the zone that t is in.
func (w *words) long(t time.Time) string { return w.date(w.Long, t) }

// short is t for a table.
func (w *words) short(t time.Time) string { return w.date(w.Short, t) }

func (w *words) date(pattern string, t time.Time) string {
	day := w.fill(w.Day, "d", strconv.Itoa(t.Day()))
	if t.Day() == 1 {
		day = w.FirstDay
	}
	_, off := t.Zone()
	digits := t.Format("2006-01-02 15:04:05")
	return w.fill(pattern, "weekday", w.Days[t.Weekday()], "day", day, "month", w.Months[t.Month()-1],
		"yyyy", digits[:4], "dd", digits[8:10], "mm", digits[5:7], "time", digits[11:],
		"offset", fmt.Sprintf("%+d", off/3600))
}

// bytes is a size in octets, exact.
func (w *words) bytes(n int64) string { return w.count(n) + "\u00a0" + w.Octets }

// count is a number with its digits in groups.
func (w *words) count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + w.Thousand + s[i:]
	}
	return s
}

func (w *words) method(m string) string { return orKey(w.Method, m) }
func (w *words) scheme(s string) string { return orKey(w.Scheme, s) }
func (w *words) detail(k string) string { return orKey(w.Detail, k) }

// level is the words for an assurance level given by its URI.
func (w *words) level(uri string) string {
	if s, ok := w.Level[strings.TrimPrefix(uri, "http://eidas.europa.eu/LoA/")]; ok {
		return s
	}
	return uri
}

// orKey shows an unknown key as it is: a fact is never left out for want of a word.
func orKey(m map[string]string, key string) string {
	if s, ok := m[key]; ok {
		return s
	}
	return strings.ReplaceAll(key, "_", " ")
}

// reason says why, in the words of the register.
func (w *words) reason(r evidence.Reason) string {
	if s := evidence.ReasonWords(r.Code, w.lang); s != "" {
		return s
	}
	return r.Code
}

// value is the value of a detail in words where it has some, addresses masked
// and instants written out.
func (w *words) value(d evidence.Detail, zone *time.Location) string {
	if s, ok := w.Value[d.Key][d.Value]; ok {
		return s
	}
	switch d.Key {
	case "address":
		return mask(d.Value)
	case "method":
		return w.method(d.Value)
	case "level":
		return w.level(d.Value)
	}
	if t, err := time.Parse(time.RFC3339, d.Value); err == nil {
		return w.long(t.In(zone))
	}
	return d.Value
}

// summary says of an event, for the timeline, what tells it from its neighbours,
// without repeating all its details: one text on what, one for each reason why.
func (w *words) summary(e evidence.Event, zone *time.Location) []string {
	var s []string
	for _, key := range []string{"notice", "attempt", "channel", "address", "result", "identification", "method", "part", "file"} {
		for _, d := range e.Details {
			if d.Key != key {
				continue
			}
			v := w.value(d, zone)
			if key == "attempt" || key == "part" {
				v = w.detail(key) + " " + v
			}
			s = append(s, v)
		}
	}
	if e.External != "" {
		s = append(s, e.External)
	}
	var out []string
	if len(s) > 0 {
		out = append(out, strings.Join(s, " · "))
	}
	for _, r := range e.Reasons {
		out = append(out, w.reason(r))
	}
	return out
}

// mask hides most of an address, so that a document shown to a third party does
// not hand it on. What is masked already stays as it is.
func mask(s string) string {
	if strings.ContainsAny(s, "*•…") {
		return s
	}
	local, domain, mail := strings.Cut(s, "@")
	r := []rune(local)
	if mail && len(r) > 0 {
		return string(r[0]) + "•••@" + domain
	}
	if len(r) < 6 {
		return "•••"
	}
	return string(r[:3]) + " •••• " + string(r[len(r)-2:])
}

// limitOf is the key of what an event does not prove.
func limitOf(n evidence.Name) string {
	switch n {
	case evidence.SubmissionAcceptance:
		return "submission"
	case evidence.NotificationForAcceptance, evidence.NotificationDelivered, evidence.ConsignmentNotification, evidence.NotificationAccessTracking:
		return "notice"
	case evidence.ConsignmentAcceptance, evidence.ConsignmentRejection:
		return "decision"
	case evidence.AcceptanceRejectionExpiry:
		return "expiry"
	case evidence.ContentConsignment:
		return "content"
	case evidence.ContentHandover, evidence.ContentAccessTracking:
		return "handover"
	case evidence.RecipientIdentification, evidence.RecipientChoice, evidence.DelegateNamed, evidence.DelegateWithdrawn:
		return "identification"
	case evidence.RelayToNonERDS, evidence.ReceivedFromNonERDS, evidence.PostalItemPosted, evidence.PostalItemDelivered, evidence.PostalItemReturned,
		evidence.PostalItemTracked, evidence.PostalItemCancelled:
		return "postal"
	case evidence.RelayAcceptance:
		return "relay"
	}
	return "failure"
}
