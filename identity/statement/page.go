package statement

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/signintech/gopdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

//go:embed words/*.json
var wordFiles embed.FS

// page is what a statement says.
type page struct {
	language string // nl, fr, de, en; anything else is en
	service  string
	nonce    string
	at       time.Time
	text     string // to be approved; empty: none
}

// The page, in millimetres from its upper left corner. What is signed stands
// above textEnd; below is the free zone.
const (
	pageW, pageH = 210, 297
	left, right  = 22, 188
	textTop      = 92
	textEnd      = pageH*(1-freeZone) - 3
	textSize     = 8.5
	textLead     = 3.9
)

// words are the texts of the page in one language.
func words(language string) (map[string]string, error) {
	if !slices.Contains([]string{"nl", "fr", "de", "en"}, language) {
		language = "en"
	}
	data, err := wordFiles.ReadFile("words/" + language + ".json")
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	var w map[string]string
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("statement: words/%s.json: %w", language, err)
	}
	return w, nil
}

// sheet is a page being drawn. The first error sticks.
type sheet struct {
	pdf *gopdf.GoPdf
	err error
	y   float64
}

func (s *sheet) do(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("statement: page: %w", err)
	}
}

func newSheet() *sheet {
	s := &sheet{pdf: &gopdf.GoPdf{}}
	s.pdf.Start(gopdf.Config{Unit: gopdf.UnitMM, PageSize: gopdf.Rect{W: pageW, H: pageH}})
	s.do(s.pdf.AddTTFFontData("regular", goregular.TTF))
	s.do(s.pdf.AddTTFFontData("bold", gobold.TTF))
	s.pdf.AddPage()
	return s
}

// lines writes a text over as many lines as it takes, each lead below the one
// before.
func (s *sheet) lines(face string, size, lead float64, text string) {
	s.do(s.pdf.SetFont(face, "", size))
	for _, line := range s.wrap(text) {
		s.y += lead
		s.pdf.SetXY(left, s.y)
		if line != "" {
			s.do(s.pdf.Text(line))
		}
	}
}

// wrap breaks a text at its line ends, and where a line would be too long.
func (s *sheet) wrap(text string) (lines []string) {
	for _, paragraph := range strings.Split(text, "\n") {
		if strings.TrimSpace(paragraph) == "" {
			lines = append(lines, "")
			continue
		}
		broken, err := s.pdf.SplitTextWithWordWrap(strings.TrimSpace(paragraph), right-left)
		s.do(err)
		lines = append(lines, broken...)
	}
	return lines
}

// draw makes the page: one A4, its fonts inside, nothing that acts.
func draw(p page) ([]byte, error) {
	w, err := words(p.language)
	if err != nil {
		return nil, err
	}
	s := newSheet()
	s.pdf.SetInfo(gopdf.PdfInfo{Title: w["title"], Creator: "Bode", Producer: "Bode", CreationDate: p.at})
	s.y = 18
	s.lines("bold", 18, 8, w["title"])
	s.y += 3
	s.lines("regular", 10.5, 5.2, strings.ReplaceAll(w["lead"], "{service}", shown(p.service)))
	s.y += 2
	s.lines("bold", 10.5, 5.2, w["warning"])
	s.y += 3
	for _, row := range [][2]string{{"service", shown(p.service)}, {"time", p.at.UTC().Format("2006-01-02 15:04 UTC")}, {"nonce", p.nonce}} {
		s.lines("regular", 10.5, 5.2, w[row[0]]+": "+row[1])
	}
	if p.text != "" {
		s.y += 3
		s.lines("bold", 10.5, 5.2, w["approve"])
		if s.y > textTop {
			s.do(fmt.Errorf("the head of the page is too long"))
		}
		s.approve(p.text)
	}
	if s.y > textEnd {
		s.do(fmt.Errorf("the text is too long"))
	}
	s.frame(w["place"])
	if s.err != nil {
		return nil, s.err
	}
	var b bytes.Buffer
	if _, err := s.pdf.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("statement: page: %w", err)
	}
	// What a PDF of before cross-reference streams gets appended is a table.
	return bytes.Replace(b.Bytes(), []byte("%PDF-1.7"), []byte("%PDF-1.4"), 1), nil
}

// approve writes the text that is to be approved, as large as there is room for.
func (s *sheet) approve(text string) {
	const large, lead = 10.5, 5.2
	s.do(s.pdf.SetFont("regular", "", large))
	if s.y+float64(len(s.wrap(text)))*lead <= textEnd {
		s.lines("regular", large, lead, text)
		return
	}
	s.lines("regular", textSize, textLead, text)
}

// frame draws where a signature may show itself.
func (s *sheet) frame(label string) {
	top := pageH*(1-freeZone) + 2
	s.pdf.SetLineWidth(0.3)
	s.pdf.RectFromUpperLeftWithStyle(left, top, right-left, pageH-top-12, "D")
	s.y = pageH - 16
	s.do(s.pdf.SetFont("regular", "", 9))
	s.pdf.SetXY(left+3, s.y)
	s.do(s.pdf.Text(label))
}

// fits reports whether a text fits on the page, every character in its own shape.
func fits(text string) bool {
	if len(text) > 10000 || shown(text) != text {
		return false
	}
	s := newSheet()
	s.do(s.pdf.SetFont("regular", "", textSize))
	n := len(s.wrap(text))
	return s.err == nil && textTop+float64(n)*textLead <= textEnd
}

// noBreak is the space before a double sign of French.
const noBreak = '\u00a0'

// shown is s in characters that the page has; the others become boxes.
func shown(s string) string {
	font, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return ""
	}
	var buf sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if i, err := font.GlyphIndex(&buf, r); r == '\n' || err == nil && i != 0 && (unicode.IsPrint(r) || r == noBreak) {
			return r
		}
		return '□'
	}, s)
}
