package pades

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Render makes the unsigned PDF of d with a attached: PDF/A-3a, PDF/UA-1, in the
// language of the event. The same input always gives the same bytes. It reads no
// clock. Errors: [ErrRender].
//
// ISO 19005-3, ISO 14289-1
func Render(d evidence.Document, a evidence.Attached) ([]byte, error) {
	return render(d, a, false)
}

// sigPlaceholder is what the signing library looks for in the file it signs.
const sigPlaceholder = "/ByteRange[0 ********** ********** **********]"

// render makes the PDF; with certify its catalog says that the signature to
// come certifies the document (ISO 32000-1 §12.8.4).
func render(d evidence.Document, a evidence.Attached, certify bool) ([]byte, error) {
	press, err := ready()
	if err != nil {
		return nil, err
	}
	p, err := compose(newCanvas(press), d, a)
	if err != nil {
		return nil, err
	}
	facts, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRender, err)
	}
	h := sha256.New()
	for _, part := range [][]byte{facts, a.XML, a.Record, a.Proof} {
		h.Write(part)
	}
	out := p.file(attachments(a), hex.EncodeToString(h.Sum(nil)[:16]), certify)
	if bytes.Contains(out, []byte(sigPlaceholder)) {
		return nil, fmt.Errorf("%w: the text of a signature placeholder inside", ErrRender)
	}
	return out, nil
}

// file writes all objects of the laid-out document.
func (p *paper) file(files []attachment, id string, certify bool) []byte {
	o := newObjects(p.press)
	catalog := o.reserve()
	pagesRef := o.reserve()
	fonts := p.writeFonts(o)
	pageRefs := make([]int, len(p.pages))
	for i := range pageRefs {
		pageRefs[i] = o.reserve()
	}
	var marks [][]*element
	var kids strings.Builder
	for i, pg := range p.pages {
		content := o.stream("", pg.buf)
		o.put(pageRefs[i], fmt.Sprintf("<< /Type /Page /Parent %s /MediaBox [0 0 %s %s] /Resources << /Font %s >> /Contents %s /StructParents %d /Tabs /S >>",
			ref(pagesRef), num(pageWidth), num(pageHeight), ref(fonts), ref(content), i))
		marks = append(marks, pg.marks)
		kids.WriteString(ref(pageRefs[i]) + " ")
	}
	o.put(pagesRef, fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids.String(), len(pageRefs)))
	tree := writeStructure(o, p.root, pageRefs, marks)
	icc := o.deflated("/N 3 /Alternate /DeviceRGB", p.profile)
	intent := o.add("[<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /Info (sRGB IEC61966-2.1) /DestOutputProfile " + ref(icc) + " >>]")

	at := p.d.Event.At.UTC()
	title := p.w.title(p.d.Event.Name) + " · " + p.d.Event.Number
	meta := o.metadata(xmp(title, p.d.Issuer.Name, p.d.Event.Subject, p.w.lang, at.Format("2006-01-02T15:04:05Z"), id))
	date := pdfDate(at)
	info := o.add(fmt.Sprintf("<< /Title %s /Author %s /Subject %s /CreationDate %s /ModDate %s /Producer (Bode) >>",
		text(title), text(p.d.Issuer.Name), text(p.d.Event.Subject), date, date))
	names, af := p.attach(o, files, date)
	viewer := o.add("<< /DisplayDocTitle true >>")
	markInfo := o.add("<< /Marked true >>")
	perms := ""
	if certify {
		// The library numbers the signature object two above the last one, which
		// this is. It copies references from the catalog, but not what is direct.
		perms = " /Perms " + ref(o.add("<< /DocMDP "+ref(len(o.offsets)+3)+" >>"))
	}
	o.put(catalog, fmt.Sprintf("<< /Type /Catalog /Pages %s /Lang (%s) /MarkInfo %s /StructTreeRoot %s /Metadata %s /OutputIntents %s /Names %s /AF %s /ViewerPreferences %s%s >>",
		ref(pagesRef), p.w.lang, ref(markInfo), ref(tree), ref(meta), ref(intent), ref(names), ref(af), ref(viewer), perms))
	o.finish(catalog, info, id)
	return o.buf
}

// pdfDate writes an instant. ISO 32000-1 §7.9.4
func pdfDate(t time.Time) string { return "(D:" + t.UTC().Format("20060102150405") + "+00'00')" }

// attach writes files and returns the objects of the name tree and of the list
// of associated files.
func (p *paper) attach(o *objects, files []attachment, date string) (names, af int) {
	var tree, list strings.Builder
	for _, a := range files {
		data := stored(a.data)
		if a.relation == "Source" { // the others are digests and signatures: nothing to compress
			data = p.deflate(a.data, quick)
		}
		content := o.deflated(fmt.Sprintf("/Type /EmbeddedFile /Subtype /%s /Params << /Size %d /ModDate %s >>", a.media, len(a.data), date), data)
		spec := o.add(fmt.Sprintf("<< /Type /Filespec /F (%s) /UF %s /AFRelationship /%s /Desc %s /EF << /F %s /UF %s >> >>",
			a.name, text(a.name), a.relation, text(p.w.Label[a.label]), ref(content), ref(content)))
		fmt.Fprintf(&tree, "(%s) %s ", a.name, ref(spec))
		list.WriteString(ref(spec) + " ")
	}
	names = o.add("<< /EmbeddedFiles << /Names [" + tree.String() + "] >> >>")
	return names, o.add("[" + list.String() + "]")
}

// metadata writes the XMP packet. PDF/A wants it readable without a decoder
// (ISO 19005-1 §6.7.2; kept for old tools), but nothing a user wrote may stand
// uncompressed in the file, so it is compressed, as ISO 19005-3 allows.
func (o *objects) metadata(packet []byte) int {
	return o.stream("/Type /Metadata /Subtype /XML", packet)
}

// writeFonts writes every font that was used and returns the object of the font
// resources, which all pages share.
func (p *paper) writeFonts(o *objects) int {
	var b strings.Builder
	common := o.deflated("", p.cmap)
	for i := range faceCount {
		if p.used[i] {
			c := p.common[i]
			file := o.deflated(fmt.Sprintf("/Length1 %d", c.length), c.program)
			desc := o.descriptor(p.faces[i], i, c.name, file)
			font := o.add(fmt.Sprintf("<< /Type /Font /Subtype /TrueType /BaseFont /%s /Encoding /WinAnsiEncoding /FirstChar %d /LastChar %d /Widths %s /FontDescriptor %s /ToUnicode %s >>",
				c.name, c.first, c.last, c.widths, ref(desc), ref(common)))
			fmt.Fprintf(&b, "%s %s ", i.common(), ref(font))
		}
		s := p.subsets[i]
		if len(s.runes) == 0 {
			continue
		}
		name, program := s.name(), s.program(nil)
		file := o.stream(fmt.Sprintf("/Length1 %d", len(program)), program)
		desc := o.descriptor(p.faces[i], i, name, file)
		cid := o.add(fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap /Identity /FontDescriptor %s /DW 1000 /W %s >>",
			name, ref(desc), s.widths()))
		cmap := o.stream("", s.toUnicode())
		font := o.add(fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%s] /ToUnicode %s >>", name, ref(cid), ref(cmap)))
		fmt.Fprintf(&b, "%s %s ", i.subset(), ref(font))
	}
	return o.add("<< " + b.String() + ">>")
}

// descriptor writes what a reader may know of a font without opening it.
func (o *objects) descriptor(f *face, id faceID, name string, file int) int {
	flags := 32 // nonsymbolic
	if id == mono {
		flags |= 1
	}
	bb := f.bbox
	return o.add(fmt.Sprintf("<< /Type /FontDescriptor /FontName /%s /Flags %d /FontBBox [%d %d %d %d] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight %d /StemV %d /FontFile2 %s >>",
		name, flags, bb[0], bb[1], bb[2], bb[3], f.ascent, f.descent, f.capHeight, 80+40*(id&1), ref(file)))
}
