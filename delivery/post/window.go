package post

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed windows.json
var windowFile []byte

//go:embed mailing.json
var mailingFile []byte

// Box is a rectangle on an A4 sheet, in millimetres from its upper left corner.
type Box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// inside reports whether b lies within o.
func (b Box) inside(o Box) bool {
	const e = 0.01
	return b.X >= o.X-e && b.Y >= o.Y-e && b.X+b.W <= o.X+o.W+e && b.Y+b.H <= o.Y+o.H+e
}

// meets reports whether b and o overlap.
func (b Box) meets(o Box) bool {
	return b.X < o.X+o.W && o.X < b.X+b.W && b.Y < o.Y+o.H && o.Y < b.Y+b.H
}

// grow moves every side of b outwards by d.
func (b Box) grow(d float64) Box { return Box{b.X - d, b.Y - d, b.W + 2*d, b.H + 2*d} }

// Point is a place on a sheet, in millimetres from its upper left corner.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Window says where the things an envelope asks for stand on the cover.
type Window struct {
	Window         Box       `json:"window"`           // what the envelope shows
	Slack          float64   `json:"slack"`            // how far the sheet may slide in the envelope
	Address        Box       `json:"address"`          // where the address may stand
	Return         Box       `json:"return"`           // the return line
	ReturnInWindow bool      `json:"return_in_window"` // the window shows it too
	Sender         Box       `json:"sender"`           // the sender's name and address
	Mark           Point     `json:"mark"`             // upper left corner of the sheet code, on every sheet
	Folds          []float64 `json:"folds"`            // heights of fold marks
}

// WindowNamed gives a built-in definition: "be-right" or "din-5008-b".
func WindowNamed(name string) (Window, error) {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(windowFile, &all); err != nil {
		return Window{}, fmt.Errorf("post: windows.json: %w", err)
	}
	raw, ok := all[name]
	if !ok {
		return Window{}, fmt.Errorf("post: no window definition %q", name)
	}
	return ParseWindow(raw)
}

// ParseWindow reads a definition as in windows.json and refuses one by which
// the address could leave the window or something else enter it.
func ParseWindow(raw []byte) (Window, error) {
	var w Window
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return Window{}, fmt.Errorf("post: window definition: %w", err)
	}
	return w, w.validate()
}

func (w Window) validate() error {
	sheet := Box{0, 0, 210, 297}
	free := w.Window.grow(w.Slack)
	shown := w.Window
	shown.X, shown.W = shown.X+w.Slack, shown.W-2*w.Slack
	shown.H -= w.Slack
	if !w.ReturnInWindow {
		shown.Y, shown.H = shown.Y+w.Slack, shown.H-w.Slack
	}
	mark := w.mark()
	switch {
	case w.Window.W < 40 || w.Window.H < 20 || w.Slack < 0:
		return fmt.Errorf("post: window definition: window of %g × %g mm", w.Window.W, w.Window.H)
	case !w.Window.inside(sheet) || !w.Sender.inside(sheet) || !w.Return.inside(sheet) || !mark.inside(sheet):
		return fmt.Errorf("post: window definition: something is not on the sheet")
	case !w.Address.inside(shown):
		return fmt.Errorf("post: window definition: address is not safely inside the window")
	case w.Sender.meets(free) || mark.meets(free):
		return fmt.Errorf("post: window definition: sender or sheet code may slide into the window")
	case w.ReturnInWindow && (!w.Return.inside(w.Window) || w.Return.meets(w.Address)):
		return fmt.Errorf("post: window definition: return line is outside the window or on the address")
	case !w.ReturnInWindow && (w.Return.meets(free) || w.Return.meets(w.Sender)):
		return fmt.Errorf("post: window definition: return line may slide into the window")
	case w.bottom() > 120:
		return fmt.Errorf("post: window definition: no room left for the text")
	}
	return nil
}

// mark is what the sheet code and its words take, with their quiet zone.
func (w Window) mark() Box { return Box{w.Mark.X, w.Mark.Y - 24, 10, 34} }

// keep is mark in points from the lower left corner, and from the sheet's edge:
// what lies beside it there would be cut off sooner than seen.
func (w Window) keep() rect {
	const mm = 72 / 25.4
	b := w.mark()
	return rect{0, a4H - (b.Y+b.H)*mm, (b.X + b.W + 2) * mm, a4H - b.Y*mm}
}

// bottom is where the text of the cover may begin.
func (w Window) bottom() float64 {
	b := w.Window.grow(w.Slack)
	return max(b.Y+b.H, w.Sender.Y+w.Sender.H, w.Return.Y+w.Return.H)
}

// mailing is mailing.json: weights in grams, envelopes from small to large.
type mailing struct {
	SheetGrams int        `json:"sheet_grams"`
	MaxGrams   int        `json:"max_grams"`
	Envelopes  []envelope `json:"envelopes"`
}

type envelope struct {
	Name      string `json:"name"`
	MaxSheets int    `json:"max_sheets"`
	Grams     int    `json:"grams"`
}

// weigh gives the envelope and the weight of a letter. Errors: ErrWeight.
func (m mailing) weigh(sheets int) (name string, grams int, err error) {
	i := slices.IndexFunc(m.Envelopes, func(e envelope) bool { return sheets <= e.MaxSheets })
	if i < 0 {
		return "", 0, fmt.Errorf("%w: no envelope for %d sheets", ErrWeight, sheets)
	}
	grams = sheets*m.SheetGrams + m.Envelopes[i].Grams
	if grams > m.MaxGrams {
		return "", 0, fmt.Errorf("%w: %d g", ErrWeight, grams)
	}
	return m.Envelopes[i].Name, grams, nil
}
