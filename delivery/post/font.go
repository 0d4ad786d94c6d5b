package post

import (
	"slices"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// standardFonts are the typefaces that every PDF program brings along (ISO
// 32000-1 §9.6.2.2), and those of the same widths that it takes them for.
var standardFonts = []string{
	"Courier", "Courier-Bold", "Courier-BoldOblique", "Courier-Oblique",
	"Helvetica", "Helvetica-Bold", "Helvetica-BoldOblique", "Helvetica-Oblique",
	"Times-Roman", "Times-Bold", "Times-BoldItalic", "Times-Italic", "Symbol", "ZapfDingbats",
	"Arial", "Arial,Bold", "Arial,BoldItalic", "Arial,Italic", "ArialMT", "Arial-Bold", "Arial-BoldMT", "Arial-BoldItalicMT", "Arial-ItalicMT",
	"CourierNew", "CourierNew,Bold", "CourierNew,BoldItalic", "CourierNew,Italic", "CourierNewPSMT", "CourierNewPS-BoldMT", "CourierNewPS-ItalicMT", "CourierNewPS-BoldItalicMT",
	"TimesNewRoman", "TimesNewRoman,Bold", "TimesNewRoman,BoldItalic", "TimesNewRoman,Italic", "TimesNewRomanPSMT", "TimesNewRomanPS-BoldMT", "TimesNewRomanPS-ItalicMT", "TimesNewRomanPS-BoldItalicMT",
}

// font looks at a dictionary that is a typeface. One that the file does not
// bring along, and that is not standard, is refused: what a printer puts in its
// place may say something else. A standard one is noted.
func (g *graft) font(d types.Dict) error {
	if t := d.Type(); t == nil || *t != "Font" {
		return nil
	}
	kind := d.Subtype()
	if kind == nil || *kind == "Type3" || *kind == "Type0" { // drawn by the page itself; its descendant is looked at
		return nil
	}
	desc, err := g.src.DereferenceDict(d["FontDescriptor"])
	if err != nil {
		return refuse(Broken, "typeface: %w", err)
	}
	for _, k := range []string{"FontFile", "FontFile2", "FontFile3"} {
		if o, _ := g.src.Dereference(desc[k]); o != nil {
			return nil
		}
	}
	name := ""
	if n := d.NameEntry("BaseFont"); n != nil {
		name = strings.ReplaceAll(*n, " ", "")
	}
	if !slices.Contains(standardFonts, name) || strings.HasPrefix(*kind, "CIDFont") {
		return refuse(Fonts, "%s %q is not embedded", *kind, name)
	}
	g.seen[Typefaces] = true
	return nil
}
