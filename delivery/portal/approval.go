package portal

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/signintech/gopdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/bode-erds/bode/identity"
)

// sheet is the approval form being typeset: A4, in millimetres, one page unless
// the facts are very long. The first error sticks.
type sheet struct {
	pdf  gopdf.GoPdf
	y    float64
	say  func(key string, args ...any) string
	fail error
}

// The lower part of a page is for what signatures show of themselves: nothing of
// ours stands there but where to sign.
const (
	sheetLeft, sheetRight = 22, 188
	sheetTop, sheetEnd    = 24, 188
	sheetSign             = 194
)

// approvalForm makes the form with which a legal representative approves an
// application, in the applicant's language.
func (p *Portal) approvalForm(c echo.Context, a identity.Application) ([]byte, error) {
	s := &sheet{y: sheetTop}
	s.say = func(key string, args ...any) string {
		text, err := p.Web.Text(c, "portal", key, args...)
		s.note(err)
		return text
	}
	date, err := p.dateText(c, a.FiledAt)
	if err != nil {
		return nil, err
	}
	level, who := s.say("form.level."+string(a.Level)), a.Given+" "+a.Family
	s.open()
	s.para("bold", 16, 2, s.say("form.title"))
	s.para("regular", 9.5, 3, s.say("form.lead"))
	for _, row := range [][2]string{
		{"form.number", a.ID}, {"form.date", date}, {"field.legal_name", a.Name}, {"form.country", countryName(a.Language, a.Country)},
		{"field.enterprise_number", enterpriseNumber(a.EnterpriseNumber)}, {"field.vat_number", a.VATNumber}, {"field.company_email", a.Email},
		{"form.applicant", who}, {"form.capacity", a.Capacity}, {"form.identified", level},
	} {
		s.row(s.say(row[0]), row[1])
	}
	s.y += 2
	s.para("bold", 10.5, 1, s.say("form.declares"))
	for _, key := range []string{"form.statement1", "form.statement2", "form.statement3"} {
		s.para("regular", 9.5, 1, s.say(key, "applicant", who, "company", a.Name))
	}
	s.para("bold", 9, 0.5, s.say("form.how"))
	s.para("regular", 8.5, 0.5, s.say("form.how_qualified"))
	s.para("regular", 8.5, 0, s.say("form.how_ink"))
	s.signature()
	return s.close()
}

func (s *sheet) note(err error) {
	if s.fail == nil && err != nil {
		s.fail = fmt.Errorf("portal: approval form: %w", err)
	}
}

func (s *sheet) open() {
	s.pdf.Start(gopdf.Config{Unit: gopdf.UnitMM, PageSize: gopdf.Rect{W: 210, H: 297}})
	missing := gopdf.TtfOption{OnGlyphNotFoundSubstitute: func(rune) rune { return '□' }}
	s.note(s.pdf.AddTTFFontDataWithOption("regular", goregular.TTF, missing))
	s.note(s.pdf.AddTTFFontDataWithOption("bold", gobold.TTF, missing))
	s.pdf.SetInfo(gopdf.PdfInfo{Title: s.say("form.title"), Producer: "Bode"})
	s.pdf.AddPage()
}

// lines breaks text to a width.
func (s *sheet) lines(face string, size, width float64, text string) []string {
	s.note(s.pdf.SetFont(face, "", size))
	if text == "" || s.fail != nil {
		return nil
	}
	out, err := s.pdf.SplitTextWithWordWrap(text, width)
	s.note(err)
	return out
}

func (s *sheet) at(x, y float64, text string) {
	if s.fail == nil && text != "" {
		s.pdf.SetXY(x, y)
		s.note(s.pdf.Text(text))
	}
}

// para writes a paragraph and leaves gap under it.
func (s *sheet) para(face string, size, gap float64, text string) {
	for _, l := range s.lines(face, size, sheetRight-sheetLeft, text) {
		s.room(0)
		s.note(s.pdf.SetFont(face, "", size))
		s.at(sheetLeft, s.y, l)
		s.y += size * 0.45
	}
	s.y += gap
}

// row writes a fact; one that there is none of is left out.
func (s *sheet) row(name, value string) {
	if value == "" {
		return
	}
	values := s.lines("bold", 9, sheetRight-86, value)
	s.room(float64(len(values)-1) * 4.4)
	s.note(s.pdf.SetFont("regular", "", 9))
	s.at(sheetLeft, s.y, name)
	s.note(s.pdf.SetFont("bold", "", 9))
	for _, l := range values {
		s.at(86, s.y, l)
		s.y += 4.4
	}
	s.y += 0.5
}

// signature draws what is to be filled in by hand.
func (s *sheet) signature() {
	s.y = sheetSign
	s.pdf.SetLineWidth(0.2)
	for i, key := range []string{"form.sign_name", "form.sign_function", "form.sign_place"} {
		y := s.y + 6 + float64(i)*9
		s.lines("regular", 9.5, 60, s.say(key))
		s.at(sheetLeft, y, s.say(key))
		s.pdf.Line(sheetLeft, y+3.4, 100, y+3.4)
	}
	s.pdf.RectFromUpperLeftWithStyle(108, s.y, sheetRight-108, 34, "D")
	s.lines("regular", 9, 60, "")
	s.at(110, s.y+4.5, s.say("form.signature"))
}

// room begins a new page when h is not left on this one.
func (s *sheet) room(h float64) {
	if s.fail == nil && s.y+h > sheetEnd {
		s.pdf.AddPage()
		s.y = sheetTop
	}
}

func (s *sheet) close() ([]byte, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	var b bytes.Buffer
	if _, err := s.pdf.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("portal: approval form: %w", err)
	}
	return b.Bytes(), nil
}

// dateText writes a day in the reader's language.
func (p *Portal) dateText(c echo.Context, t time.Time) (string, error) {
	t = t.In(p.Web.Zone)
	month, err := p.Web.Text(c, "portal", "month."+strconv.Itoa(int(t.Month())))
	if err != nil {
		return "", err
	}
	return p.Web.Text(c, "portal", "date", "d", t.Day(), "month", month, "y", t.Year())
}
