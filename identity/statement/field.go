package statement

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// signature is the one signature of a file, as it stands there.
type signature struct {
	container []byte    // CMS, with the zeros that fill its place
	covered   []byte    // all of the file, as it was then, but that place
	claimed   time.Time // when it was made, as the signer's program says; zero when it does not
}

// readForm reads the fields of the catalog, which are signatures and nothing else,
// and demands that the pages show no annotation but theirs.
func (s *signed) readForm(catalog value, shown []value, height float64) error {
	form := s.follow(catalog.dict["AcroForm"])
	if form.kind == null {
		return ErrUnsigned
	}
	if err := only(form, "Fields", "SigFlags", "DR", "DA", "NeedAppearances"); err != nil {
		return fmt.Errorf("form: %w", err)
	}
	fields := s.follow(form.dict["Fields"]).list
	if len(fields) == 0 || len(fields) > maxFields {
		return ErrUnsigned
	}
	if err := only(s.follow(catalog.dict["Perms"]), "DocMDP"); err != nil {
		return fmt.Errorf("permissions: %w", err)
	}
	var widgets []int
	found, stamps := false, 0
	for _, ref := range fields {
		id, place, v, err := s.widget(ref, height)
		if err != nil {
			return err
		}
		widgets = append(widgets, id)
		switch {
		case v.dict["SubFilter"].word == "ETSI.RFC3161" && place == 0:
			stamps++
		case found:
			return fmt.Errorf("a second signature")
		default:
			found = true
			if err := s.readSignature(v); err != nil {
				return err
			}
		}
	}
	for _, a := range shown {
		if a.kind != reference || !slices.Contains(widgets, a.id) {
			return fmt.Errorf("an annotation that is no signature")
		}
	}
	if !found {
		return ErrUnsigned
	}
	return s.after(catalog, stamps)
}

// widget reads one field with its only widget: its number, the area that it shows
// itself on, and what it holds. ISO 32000-1 §12.5.6.19, §12.7.4.5
func (s *signed) widget(ref value, height float64) (id int, area float64, v value, err error) {
	field := s.follow(ref)
	if ref.kind != reference || field.kind != dictionary {
		return 0, 0, value{}, fmt.Errorf("a field that is none")
	}
	id, shape := ref.id, field
	if kids := s.follow(field.dict["Kids"]); kids.kind != null {
		if len(kids.list) != 1 || kids.list[0].kind != reference {
			return 0, 0, value{}, fmt.Errorf("a field with several widgets")
		}
		id, shape = kids.list[0].id, s.follow(kids.list[0])
	}
	for _, d := range []value{field, shape} {
		// No action, no layer: nothing that does more than show itself.
		if err := only(d, "Type", "Subtype", "FT", "T", "TU", "TM", "V", "F", "Ff", "Rect", "P", "AP", "DA", "MK", "Parent",
			"Kids", "DR", "Lock", "SV", "BS", "Border", "AS", "H", "NM", "M", "Q"); err != nil {
			return 0, 0, value{}, fmt.Errorf("field: %w", err)
		}
	}
	v = s.follow(field.dict["V"])
	if field.dict["FT"].word != "Sig" || shape.dict["Subtype"].word != "Widget" || v.kind != dictionary {
		return 0, 0, value{}, fmt.Errorf("a field that holds no signature")
	}
	area, ok := place(s.follow(shape.dict["Rect"]), height)
	if !ok {
		return 0, 0, value{}, fmt.Errorf("a signature that shows itself over what is signed")
	}
	return id, area, v, nil
}

// place is the area of a rectangle, which must be none or inside the free zone.
func place(r value, height float64) (area float64, ok bool) {
	if len(r.list) != 4 {
		return 0, false
	}
	for _, n := range r.list {
		if n.kind != number {
			return 0, false
		}
	}
	w, h := r.list[2].num-r.list[0].num, r.list[3].num-r.list[1].num
	if area = max(w*h, -w*h); area == 0 {
		return 0, true
	}
	return area, max(r.list[1].num, r.list[3].num) <= freeZone*height
}

// readSignature takes a signature dictionary apart. ISO 32000-1 §12.8.1
func (s *signed) readSignature(v value) error {
	if sub := v.dict["SubFilter"].word; sub != "ETSI.CAdES.detached" && sub != "adbe.pkcs7.detached" {
		return fmt.Errorf("a signature of the kind %.40q", sub)
	}
	spans := v.dict["ByteRange"].list
	if len(spans) != 4 {
		return fmt.Errorf("byte range")
	}
	var n [4]int
	for i, one := range spans {
		if one.kind != number || one.num < 0 || one.num > float64(len(s.doc)) || one.num != float64(int(one.num)) {
			return fmt.Errorf("byte range")
		}
		n[i] = int(one.num)
	}
	hole := v.dict["Contents"]
	if n[0] != 0 || hole.kind != text || n[1] != hole.from || n[2] != hole.to || s.doc[hole.from] != '<' {
		return fmt.Errorf("byte range does not enclose the signature")
	}
	within := slices.IndexFunc(s.sections, func(one section) bool { return hole.from < one.end })
	end := n[2] + n[3]
	if at := s.sections[within]; end > at.end || end < at.eof || within < s.ours || within == len(s.sections)-1 && end != len(s.doc) {
		return fmt.Errorf("byte range does not cover the file")
	}
	s.field = signature{
		container: []byte(hole.word), covered: slices.Concat(s.doc[:n[1]], s.doc[n[2]:end]), claimed: pdfTime(v.dict["M"].word),
	}
	s.signedIn = within
	return nil
}

// after lets nothing follow the signature but what proves it.
// EN 319 142-1 §5.4
func (s *signed) after(catalog value, stamps int) error {
	if s.signedIn == len(s.sections)-1 {
		return nil
	}
	if _, proven := catalog.dict["DSS"]; !proven && stamps == 0 {
		return fmt.Errorf("something was added after the signature")
	}
	return nil
}

// pdfTime reads a date of a PDF, zero when it is none. ISO 32000-1 §7.9.4
func pdfTime(s string) time.Time {
	b, _ := bytes.CutPrefix([]byte(s), []byte("D:"))
	b = bytes.ReplaceAll(bytes.TrimSuffix(b, []byte("'")), []byte("'"), nil)
	for _, layout := range []string{"20060102150405Z0700", "20060102150405-0700", "20060102150405Z0000", "20060102150405"} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			return t
		}
	}
	return time.Time{}
}
