package post

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// Cause says why a part of the content is not on paper. The words are in the
// translation files.
type Cause string

const (
	MediaType     Cause = "media_type"     // of a kind that has no pages, or none that we can make
	Encrypted     Cause = "encrypted"      // password or rights management
	Broken        Cause = "broken"         // not a PDF, cut off, or undecodable
	Form          Cause = "form"           // filled fields that only a viewer draws, or XFA
	ActiveContent Cause = "active_content" // JavaScript: the paper might not show what the screen shows
	Portfolio     Cause = "portfolio"      // a PDF that is only a container
	Layers        Cause = "layers"         // layers that are off when opened
	PageTooLarge  Cause = "page_too_large" // larger than A2
	TooManyPages  Cause = "too_many_pages" // would make the letter longer than Config.MaxPages
	TooLarge      Cause = "too_large"      // more than Config.MaxBytes
	Encoding      Cause = "encoding"       // text that is not UTF-8
	Fonts         Cause = "fonts"          // a typeface is not embedded, and no printer is sure to have it
	Frames        Cause = "frames"         // a picture file with several pictures: one page cannot show them
	NoConverter   Cause = "no_converter"   // an office document, and no converter is configured
	Conversion    Cause = "conversion"     // an office document of which the converter makes nothing
)

// Causes lists them all.
var Causes = []Cause{MediaType, Encrypted, Broken, Form, ActiveContent, Portfolio, Layers, PageTooLarge, TooManyPages, TooLarge,
	Encoding, Fonts, Frames, NoConverter, Conversion}

// Note says in what a printed part differs from the original.
type Note string

const (
	Scaled    Note = "scaled"    // pages are not A4 and were shrunk to fit
	Turned    Note = "turned"    // pages lie on their side
	Margin    Note = "margin"    // pages were shrunk to keep the sheet code free
	Typefaces Note = "typefaces" // standard typefaces that the file does not bring along: letters may look a little different
	Converted Note = "converted" // printed from a conversion of the file
)

// What is unusual about an address.
const (
	NumberFirst Note = "number_first" // "26 Kerkstraat": the number stands before the street
	BoxSign     Note = "box_sign"     // "26/3" or "#3": a box is written "bus 3", "bte 3" or "box 3"
)

// Notes lists those of parts.
var Notes = []Note{Scaled, Turned, Margin, Typefaces, Converted}

//go:embed causes.json
var causeFile []byte

// state is what a partner's word for a state means.
type state struct {
	Status delivery.PostStatus `json:"status"`
	Cause  string              `json:"cause"`
	Mode   string              `json:"mode"`
}

// canonical maps what partners write to our words: causes.json.
type canonical struct {
	causes map[string]canonicalCause
	states map[string]map[string]state // by the family of partners
}

type canonicalCause struct {
	code string
	of   []delivery.PostStatus
}

func loadCauses() (canonical, error) {
	var file struct {
		Causes map[string]struct {
			Of      []delivery.PostStatus `json:"of"`
			Aliases []string              `json:"aliases"`
		} `json:"causes"`
		States map[string]map[string]state `json:"states"`
	}
	if err := json.Unmarshal(causeFile, &file); err != nil {
		return canonical{}, fmt.Errorf("post: causes.json: %w", err)
	}
	c := canonical{map[string]canonicalCause{}, map[string]map[string]state{}}
	for code, v := range file.Causes {
		for _, key := range append(v.Aliases, code) {
			c.causes[strings.ToLower(key)] = canonicalCause{code, v.Of}
		}
	}
	for family, words := range file.States {
		c.states[family] = map[string]state{}
		for word, st := range words {
			if rank(st.Status) < 0 || st.Cause != "" && c.of(st.Status, st.Cause) != st.Cause {
				return canonical{}, fmt.Errorf("post: causes.json: %s %s", family, word)
			}
			c.states[family][strings.ToLower(word)] = st
		}
	}
	return c, nil
}

// means gives the meaning of a partner's word for a state; ours are good for all.
func (c canonical) means(family, word string) (state, bool) {
	word = strings.ToLower(strings.TrimSpace(word))
	if st, ok := c.states[family][word]; ok {
		return st, true
	}
	st := state{Status: delivery.PostStatus(word)}
	return st, rank(st.Status) >= 0 && family == "folder"
}

// of gives the canonical code of a partner's cause. One we do not know, or that
// does not belong to the status, is "other"; a status that needs no cause has
// none.
func (c canonical) of(status delivery.PostStatus, cause string) string {
	if !slices.Contains([]delivery.PostStatus{delivery.PostReturned, delivery.PostRefused, delivery.PostLost}, status) {
		return ""
	}
	e, ok := c.causes[strings.ToLower(strings.TrimSpace(cause))]
	if !ok || !slices.Contains(e.of, status) {
		return "other"
	}
	return e.code
}
