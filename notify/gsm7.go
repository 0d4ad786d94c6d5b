package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The GSM 7-bit default alphabet and its extension (3GPP TS 23.038 §6.2.1). One
// letter outside them turns a whole SMS into UCS-2, with 70 letters to a part
// instead of 160.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// Segments says how an SMS text travels: in how many parts, and whether in the
// 7-bit alphabet. An escaped letter or a surrogate pair is never split.
func Segments(text string) (parts int, gsm7 bool) {
	widths, gsm7 := smsWidths(text)
	single, each := 160, 153
	if !gsm7 {
		single, each = 70, 67
	}
	total := 0
	for _, w := range widths {
		total += w
	}
	if total <= single {
		return 1, gsm7
	}
	parts, used := 1, 0
	for _, w := range widths {
		if used+w > each {
			parts, used = parts+1, 0
		}
		used += w
	}
	return parts, gsm7
}

// smsWidths gives each letter's width in septets, or in UTF-16 units when one of
// them is outside the alphabet.
func smsWidths(text string) (widths []int, gsm7 bool) {
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			widths = append(widths, 1)
		case strings.ContainsRune(gsmExtension, r):
			widths = append(widths, 2)
		default:
			return utf16Widths(text), false
		}
	}
	return widths, true
}

func utf16Widths(text string) []int {
	var widths []int
	for _, r := range text {
		w := 1
		if r > 0xFFFF {
			w = 2
		}
		widths = append(widths, w)
	}
	return widths
}

// gsmEscape announces a letter of the extension; gsmSeconds are the septets that
// then follow, in the order of gsmExtension.
const (
	gsmEscape  = 0x1B
	gsmSeconds = "\x0A\x14\x28\x29\x2F\x3C\x3D\x3E\x40\x65"
)

// GSM7 writes text in the 7-bit alphabet, one septet in each octet, an escaped
// letter as two. It reports false when a letter is outside. 3GPP TS 23.038 §6.2.1
func GSM7(text string) ([]byte, bool) {
	septets := make([]byte, 0, len(text))
	for _, r := range text {
		if at := strings.IndexRune(gsmExtension, r); at >= 0 && r != utf8.RuneError {
			septets = append(septets, gsmEscape, gsmSeconds[at])
			continue
		}
		at := strings.IndexRune(gsmBasic, r)
		if at < 0 || r == utf8.RuneError {
			return nil, false
		}
		place := utf8.RuneCountInString(gsmBasic[:at])
		if place >= gsmEscape { // which gsmBasic leaves out
			place++
		}
		septets = append(septets, byte(place))
	}
	return septets, true
}

// transliterate brings a name into the 7-bit alphabet: marks that it lacks are
// dropped, ligatures and typographic signs are written out. What has no
// equivalent is left out.
func transliterate(s string) string {
	written := strings.NewReplacer("œ", "oe", "Œ", "OE", "’", "'", "‘", "'", "“", "\"", "”", "\"", "„", "\"", "«", "\"", "»", "\"",
		"–", "-", "—", "-", "…", "...", "ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ı", "i", "þ", "th", "Þ", "Th", "ð", "d", "ĳ", "ij", "Ĳ", "IJ",
		"\u00a0", " ", "\u202f", " ", "•", "-", "·", "-", "ẞ", "SS")
	var b strings.Builder
	for _, r := range norm.NFC.String(written.Replace(s)) {
		if strings.ContainsRune(gsmBasic, r) {
			b.WriteRune(r)
			continue
		}
		for _, base := range norm.NFD.String(string(r)) {
			if !unicode.Is(unicode.Mn, base) && strings.ContainsRune(gsmBasic, base) {
				b.WriteRune(base)
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
