package post

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

//go:embed words/*.json
var wordFiles embed.FS

// words are the texts of a letter in one language. Placeholders stand in
// braces; every field is filled in every language.
type words struct {
	Service      string            `json:"service"`
	Sender       string            `json:"sender"`
	Return       string            `json:"return"`
	Date         string            `json:"date"`
	Title        string            `json:"title"`
	Why          map[string]string `json:"why"` // by Letter.Reason
	What         string            `json:"what"`
	Number       string            `json:"number"`
	Subject      string            `json:"subject"`
	Sent         string            `json:"sent"`
	Ended        string            `json:"ended"`
	Extent       string            `json:"extent"`
	SheetsOne    string            `json:"sheets_one"`
	SheetsMany   string            `json:"sheets_many"`
	LocalTime    string            `json:"local_time"`
	Documents    string            `json:"documents"`
	MessageText  string            `json:"message_text"`
	PagesOne     string            `json:"pages_one"`
	PagesMany    string            `json:"pages_many"`
	PrintedOne   string            `json:"printed_one"`
	PrintedMany  string            `json:"printed_many"`
	NotPrinted   string            `json:"not_printed"`
	Cause        map[Cause]string  `json:"cause"`
	Note         map[Note]string   `json:"note"`
	HowToGet     string            `json:"how_to_get"`
	Copy         string            `json:"copy"`
	Verify       string            `json:"verify"`
	VerifyHow    string            `json:"verify_how"`
	Test         string            `json:"test"`
	TestMark     string            `json:"test_mark"`
	Sheet        string            `json:"sheet"`
	Page         string            `json:"page"`
	Continued    string            `json:"continued"`
	ReplacedOne  string            `json:"replaced_one"`
	ReplacedMany string            `json:"replaced_many"`
	Empty        string            `json:"empty"`
	DateForm     string            `json:"date_form"`
	FirstDay     string            `json:"first_day"`
	TimeForm     string            `json:"time_form"`
	Decimal      string            `json:"decimal"`
	Byte         string            `json:"byte"`
	Bytes        string            `json:"bytes"`
	Months       [12]string        `json:"months"`
}

// loadWords reads the four languages.
func loadWords() (map[string]words, error) {
	all := map[string]words{}
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		raw, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			return nil, fmt.Errorf("post: %w", err)
		}
		var w words
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&w); err != nil {
			return nil, fmt.Errorf("post: words/%s.json: %w", lang, err)
		}
		all[lang] = w
	}
	return all, nil
}

// fill puts values in the places of names: fill(s, "n", "3").
func fill(s string, pairs ...string) string {
	old := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		old = append(old, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(old...).Replace(s)
}

// count picks the form for n and fills it in.
func count(one, many string, n int) string {
	if n == 1 {
		return one
	}
	return fill(many, "n", strconv.Itoa(n))
}

// date writes the civil date of t, which must be in the zone to be shown.
func (w words) date(t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = w.FirstDay
	}
	return fill(w.DateForm, "day", day, "month", w.Months[t.Month()-1], "year", strconv.Itoa(t.Year()))
}

// instant writes date and time of t, to the minute.
func (w words) instant(t time.Time) string {
	return fill(w.TimeForm, "date", w.date(t), "hh", t.Format("15"), "mm", t.Format("04"))
}

// size writes octets for people; the digest is what identifies a file.
func (w words) size(n int64) string {
	unit, v := "kB", float64(n)/1e3
	switch {
	case n == 1:
		return w.Byte
	case n < 1000:
		return strconv.FormatInt(n, 10) + " " + w.Bytes
	case n >= 999_950:
		unit, v = "MB", float64(n)/1e6
	}
	return strings.Replace(strconv.FormatFloat(v, 'f', 1, 64), ".", w.Decimal, 1) + " " + unit
}

// pages says how many pages a document has.
func (w words) pages(n int) string { return count(w.PagesOne, w.PagesMany, n) }

// printed says on which sheets a document is.
func (w words) printed(first, last int) string {
	if first == last {
		return fill(w.PrintedOne, "first", strconv.Itoa(first))
	}
	return fill(w.PrintedMany, "first", strconv.Itoa(first), "last", strconv.Itoa(last))
}
