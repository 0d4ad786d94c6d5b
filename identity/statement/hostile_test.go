package statement

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// Who has somebody sign our page must show them our page. Each of these files is
// signed with a signature that holds, and shows or does something else.
func TestShadows(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	who := a.issue(newKey(t))
	c := begun(t, s, identity.Ask{})
	ours := c.Document
	p := partsOf(t, ours)
	content := fmt.Sprintf("%d 0 R", p.next+20)
	stream := func(s string) string { return fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(s), s) }
	petition := map[int]string{p.next + 20: stream("BT (I sign the petition) Tj ET")}
	merged := func(more map[int]string) map[int]string {
		for k, v := range petition {
			more[k] = v
		}
		return more
	}
	other := strings.Replace(p.sheet, "/Contents ", "/Contents "+content+" /Was ", 1)
	before := func(i increment) []byte { return signWith(t, i.add(t, ours), who, how{}) }
	broken := func(i increment) []byte { return signWith(t, i.add(t, ours), who, how{base: ours}) }
	signedFirst := signWith(t, ours, who, how{})
	after := func(i increment) []byte { return i.add(t, signedFirst) }

	objectsOf, err := readFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	sheet, _ := objectsOf.object(p.page)
	contents, pages := sheet.value.dict["Contents"].id, sheet.value.dict["Parent"].id
	otherPages := func(catalog int) map[int]string {
		return map[int]string{
			catalog:     strings.Replace(p.catalog, fmt.Sprintf("/Pages %d", pages), fmt.Sprintf("/Pages %d", p.next+30), 1) + ">>",
			p.next + 30: fmt.Sprintf("<< /Type /Pages /Kids [%d 0 R] /Count 1 /MediaBox [0 0 595 842] >>", p.next+31),
			p.next + 31: fmt.Sprintf("<< /Type /Page /Parent %d 0 R >>", p.next+30),
		}
	}
	for name, doc := range map[string][]byte{
		"another content before":     before(increment{objects: merged(map[int]string{p.page: other + ">>"})}),
		"content replaced before":    before(increment{objects: map[int]string{contents: stream("BT ET")}}),
		"content replaced after":     after(increment{objects: map[int]string{contents: stream("BT ET")}}),
		"another content after":      after(increment{objects: merged(map[int]string{p.page: other + ">>"})}),
		"resources before":           before(increment{objects: map[int]string{p.page: strings.Replace(p.sheet, "/Resources", "/Resources << >> /Was", 1) + ">>"}}),
		"another box before":         before(increment{objects: map[int]string{p.page: p.sheet + "/CropBox [0 0 100 100] >>"}}),
		"turned before":              before(increment{objects: map[int]string{p.page: p.sheet + "/Rotate 180 >>"}}),
		"page twice in a dictionary": broken(increment{objects: map[int]string{p.page: p.sheet + "/Contents " + content + ">>"}}),
		"note before":                signWith(t, ours, who, how{annots: "<< /Type /Annot /Subtype /FreeText /Rect [0 0 600 900] >>"}),
		"note aside before":          signWith(t, ours, who, how{annots: fmt.Sprintf("%d 0 R", p.next+2), objects: map[int]string{0: "<< /Type /Annot /Subtype /Stamp /Rect [0 0 600 900] >>"}}),
		"note after":                 after(increment{objects: map[int]string{p.page: p.sheet + fmt.Sprintf("/Annots [%d 0 R %d 0 R] >>", p.next, p.next+30), p.next + 30: "<< /Type /Annot /Subtype /Stamp /Rect [0 0 600 900] >>"}}),
		"action":                     signWith(t, ours, who, how{catalog: "/OpenAction << /S /URI /URI (https://example.org) >>"}),
		"script":                     signWith(t, ours, who, how{catalog: "/Names << /JavaScript << /Names [] >> >>"}),
		"layers":                     signWith(t, ours, who, how{catalog: "/OCProperties << >>"}),
		"other pages":                before(increment{objects: otherPages(p.root)}),
		"another catalog":            before(increment{objects: otherPages(p.next + 5), root: p.next + 5}),
		"a page more": before(increment{objects: map[int]string{pages: fmt.Sprintf("<< /Type /Pages /Kids [%d 0 R %d 0 R] /Count 2 /MediaBox [0 0 595 842] >>", p.page, p.next+31),
			p.next + 31: fmt.Sprintf("<< /Type /Page /Parent %d 0 R >>", pages)}}),
		"form of forms":                  signWith(t, ours, who, how{form: "/XFA (x)"}),
		"action of the field":            signWith(t, ours, who, how{field: "/A << /S /URI >>"}),
		"layer of the field":             signWith(t, ours, who, how{field: "/OC 1 0 R"}),
		"signature over the text":        signWith(t, ours, who, how{rect: "[0 0 595 842]"}),
		"signature over the text, upset": signWith(t, ours, who, how{rect: "[595 842 0 0]"}),
		"signature over the last line":   signWith(t, ours, who, how{rect: "[60 200 300 320]"}),
		"rectangle of words":             signWith(t, ours, who, how{rect: "[/a /b /c /d]"}),
		"object deleted before":          broken(increment{objects: map[int]string{p.next + 9: "null"}, free: []int{contents}}),
		"object deleted after":           after(increment{objects: map[int]string{p.next + 9: "null"}, free: []int{p.next}}),
		"something after":                after(increment{objects: map[int]string{p.next + 9: "(more)"}}),
		"encrypted":                      signWith(t, increment{objects: map[int]string{p.next + 9: "null"}, trailer: "/Encrypt << /Filter /Standard >>"}.add(t, ours), who, how{base: ours}),
		"hybrid":                         after(increment{objects: map[int]string{p.next + 9: "null"}, trailer: "/XRefStm 10"}),
		"usage rights":                   signWith(t, ours, who, how{catalog: "/Perms << /UR3 1 0 R >>"}),
		"signed twice":                   twice(t, ours, signedFirst),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := finish(t, s, c, doc)
			wantRefusal(t, got, err, ErrChanged)
		})
	}
}

// twice adds a second field with a signature, and proofs behind which it may hide.
func twice(t *testing.T, ours, signed []byte) []byte {
	t.Helper()
	p := partsOf(t, ours)
	return increment{objects: map[int]string{
		p.root:      p.catalog + fmt.Sprintf("/AcroForm << /Fields [%d 0 R %d 0 R] >> /DSS << >> >>", p.next, p.next+40),
		p.page:      p.sheet + fmt.Sprintf("/Annots [%d 0 R %d 0 R] >>", p.next, p.next+40),
		p.next + 40: fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature2) /Rect [0 0 0 0] /V %d 0 R >>", p.next+1),
	}}.add(t, signed)
}

// What a signer's program may add.
func TestHonestAdditions(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	who := a.issue(newKey(t))
	c := begun(t, s, identity.Ask{})
	ours := c.Document
	p := partsOf(t, ours)
	for name, doc := range map[string][]byte{
		"in the frame": signWith(t, ours, who, how{rect: "[70 60 520 280]", field: fmt.Sprintf("/AP << /N %d 0 R >>", p.next+2),
			objects: map[int]string{0: "<< /Type /XObject /Subtype /Form /BBox [0 0 450 220] /Length 0 >>\nstream\n\nendstream"}}),
		"certifies":    signWith(t, ours, who, how{catalog: fmt.Sprintf("/Perms << /DocMDP %d 0 R >> /Version /1.7", p.next+1)}),
		"legacy":       signWith(t, ours, who, how{subfilter: "adbe.pkcs7.detached"}),
		"length aside": signWith(t, ours, who, how{objects: map[int]string{0: fmt.Sprintf("<< /Length %d 0 R >>\nstream\nendobj endstream obj\nendstream", p.next+3), 1: "10"}}),
		"proofs after": increment{objects: map[int]string{
			p.root: p.catalog + fmt.Sprintf("/AcroForm << /Fields [%d 0 R] >> /DSS << /Certs [] >> >>", p.next)}}.add(t, signWith(t, ours, who, how{})),
		"time-stamp after": increment{objects: map[int]string{
			p.root:      p.catalog + fmt.Sprintf("/AcroForm << /Fields [%d 0 R %d 0 R] >> >>", p.next, p.next+9),
			p.page:      p.sheet + fmt.Sprintf("/Annots [%d 0 R %d 0 R] >>", p.next, p.next+9),
			p.next + 9:  fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (S2) /Rect [0 0 0 0] /V %d 0 R >>", p.next+10),
			p.next + 10: "<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 /Contents <00> >>",
		}}.add(t, signWith(t, ours, who, how{})),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "length aside" {
				got, err := finish(t, s, c, doc)
				wantRefusal(t, got, err, ErrChanged) // the first end is not where the length says
				return
			}
			if got, err := finish(t, s, c, doc); err != nil || got.Family != "Peeters" {
				t.Error(err)
			}
		})
	}
}

func TestByteRanges(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	who := a.issue(newKey(t))
	c := begun(t, s, identity.Ask{})
	for name, change := range map[string]func([4]int, []byte) [4]int{
		"not from the start":  func(n [4]int, _ []byte) [4]int { return [4]int{1, n[1] - 1, n[2], n[3]} },
		"not from 0":          func(n [4]int, _ []byte) [4]int { return [4]int{5, n[1], n[2], n[3]} },
		"not to the end":      func(n [4]int, _ []byte) [4]int { return [4]int{0, n[1], n[2], n[3] - 1} },
		"less before":         func(n [4]int, _ []byte) [4]int { return [4]int{0, n[1] - 9, n[2], n[3]} },
		"more before":         func(n [4]int, _ []byte) [4]int { return [4]int{0, n[1] + 1, n[2], n[3]} },
		"less after":          func(n [4]int, _ []byte) [4]int { return [4]int{0, n[1], n[2] + 9, n[3] - 9} },
		"only the page":       func(n [4]int, _ []byte) [4]int { return [4]int{0, len(c.Document), len(c.Document), 0} },
		"nothing":             func(n [4]int, _ []byte) [4]int { return [4]int{0, 0, 0, 0} },
		"everything but this": func(n [4]int, d []byte) [4]int { return [4]int{0, 0, len(d), 0} },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := finish(t, s, c, signWith(t, c.Document, who, how{ranged: change}))
			wantRefusal(t, got, err, ErrChanged)
		})
	}
	for name, spelled := range map[string]string{"words": "[/a /b /c /d]", "fractions": "[0 1.5 2 3]", "huge": "[0 1 2 99999999999]", "three": "[0 1 2]", "none": "null"} {
		doc := signWith(t, c.Document, who, how{})
		at := bytes.LastIndex(doc, []byte("/ByteRange ["))
		end := bytes.IndexByte(doc[at:], ']') + at + 1
		copy(doc[at:end], fmt.Sprintf("%-*s", end-at, "/ByteRange "+spelled))
		t.Run(name, func(t *testing.T) {
			got, err := finish(t, s, c, doc)
			wantRefusal(t, got, err, ErrChanged)
		})
	}
	// A part of its own section is not covered, and more follows.
	p := partsOf(t, c.Document)
	short := signWith(t, c.Document, who, how{ranged: func(n [4]int, _ []byte) [4]int { return [4]int{0, n[1], n[2], n[3] - 60} }})
	short = increment{objects: map[int]string{p.root: p.catalog + fmt.Sprintf("/AcroForm << /Fields [%d 0 R] >> /DSS << >> >>", p.next)}}.add(t, short)
	refused, err := finish(t, s, c, short)
	wantRefusal(t, refused, err, ErrChanged)
	// The signature of another file, put into this one.
	other := signWith(t, begun(t, s, identity.Ask{}).Document, who, how{})
	mine := signWith(t, c.Document, who, how{})
	from, to := bytes.LastIndex(mine, []byte("/Contents <")), bytes.LastIndex(other, []byte("/Contents <"))
	copy(mine[from+11:from+11+placeLength], other[to+11:])
	got, err := finish(t, s, c, mine)
	wantRefusal(t, got, err, ErrSignature)
	// Any octet of it changed.
	for i := len(c.Document); i < len(mine); i += 97 {
		if i > from && i < from+placeLength+12 {
			continue
		}
		doc := signWith(t, c.Document, who, how{})
		doc[i] ^= 1
		if p, err := finish(t, s, c, doc); err == nil || p.Subject != "" {
			t.Errorf("octet %d of %d changed and accepted", i, len(mine))
		}
	}
}

func TestContainers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.asking()
	keys := rsaKeys()
	strong, curve := a.issue(keys[0]), a.issue(newKey(t))
	c := begun(t, s, identity.Ask{})
	pss := func(more ...string) []string { return append([]string{"-keyopt", "rsa_padding_mode:pss"}, more...) }
	for name, h := range map[string]how{
		"pss":            {args: pss("-keyopt", "rsa_pss_saltlen:32")},
		"sha-512":        {args: []string{"-md", "sha512"}},
		"key identifier": {args: []string{"-keyid"}},
	} {
		if p, err := finish(t, s, c, signWith(t, c.Document, strong, h)); err != nil || p.Family != "Peeters" {
			t.Errorf("%s: %v", name, err)
		}
	}
	second, secondKey := curve.files(t)
	for name, tc := range map[string]struct {
		who signer
		how how
	}{
		"sha-1":                 {strong, how{args: []string{"-md", "sha1"}}},
		"sha-224":               {strong, how{args: []string{"-md", "sha224"}}},
		"names no certificate":  {strong, how{plain: true}},
		"nothing but content":   {strong, how{plain: true, args: []string{"-noattr"}}},
		"content inside":        {strong, how{args: []string{"-nodetach"}, place: 1 << 16}},
		"no certificate inside": {strong, how{args: []string{"-nocerts"}}},
		"two signers":           {strong, how{args: []string{"-signer", second, "-inkey", secondKey}}},
		"salt of another size":  {strong, how{args: pss("-keyopt", "rsa_pss_saltlen:20")}},
		"pss of two digests":    {strong, how{args: pss("-keyopt", "rsa_pss_saltlen:32", "-keyopt", "rsa_mgf1_md:sha1")}},
		"weak key":              {a.issue(keys[2]), how{}},
		"signs something else":  {curve, how{covered: func(_, cov []byte) []byte { return append(cov, '!') }}},
		"garbage":               {curve, how{contained: func([]byte) []byte { return []byte{0x30, 0x03, 1, 1, 1} }}},
		"empty":                 {curve, how{contained: func([]byte) []byte { return nil }}},
		"something behind":      {curve, how{contained: func(b []byte) []byte { return append(b, 0, 0, 7) }}},
		"not hexadecimal":       {curve, how{contained: func(b []byte) []byte { return b[:len(b)/2] }}},
		"flipped":               {curve, how{contained: func(b []byte) []byte { b[len(b)-3] ^= 1; return b }}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := finish(t, s, c, signWith(t, c.Document, tc.who, tc.how))
			wantRefusal(t, p, err, ErrSignature)
		})
	}
	// Another certificate of the same key, put in the place of the one that is named.
	twin := a.issue(keys[0], called(lotte("PNOBE-17073003384")))
	p, err := finish(t, s, c, signWith(t, c.Document, signer{cert: strong.cert, key: strong.key, with: []*x509.Certificate{twin.cert}},
		how{args: []string{"-keyid", "-nocerts"}}))
	wantRefusal(t, p, err, ErrSignature)
	for _, sub := range []string{"adbe.x509.rsa_sha1", "adbe.pkcs7.sha1", "ETSI.RFC3161"} {
		p, err := finish(t, s, c, signWith(t, c.Document, curve, how{subfilter: sub}))
		if err == nil || p.Subject != "" {
			t.Errorf("%s: accepted", sub)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	doc, err := draw(page{language: "nl", service: "Bode", nonce: "N"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte("%PDF-1.4\n1 0 obj\n<< /A [1 (a\\)b) <61> /b#20 -.5 2 0 R true null] >>\nendobj\nxref\n0 2\n0000000000 65535 f \n0000000009 00000 n \ntrailer\n<< /Size 2 >>\nstartxref\n90\n%%EOF\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		file, err := readFile(doc)
		if err == nil && len(file.sections) == 0 {
			t.Error("nothing was read")
		}
		if err == nil {
			c, _ := file.catalog()
			_, _ = file.pages(c.dict["Pages"])
		}
		_, _ = openContainer(doc)
		_, _ = hex.DecodeString(string(doc))
	})
}
