package delivery

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// heard reads a file as an upload does.
func heard(file string) (text string, name string, err error) {
	var l listener
	if _, err := io.Copy(&l, iotest.OneByteReader(strings.NewReader(file))); err != nil {
		return "", "", err
	}
	if name, err = l.encoding(); err != nil {
		return "", "", err
	}
	r, err := decoded(strings.NewReader(file), name)
	if err != nil {
		return "", "", err
	}
	b, err := io.ReadAll(r)
	return string(b), name, err
}

func utf16File(s string, big, mark bool) string {
	var b strings.Builder
	units := utf16.Encode([]rune(s))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, u := range units {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

func TestBulkEncoding(t *testing.T) {
	t.Parallel()
	const want = "naam;plaats\r\nRenée Çelik;Liège €\r\n"
	for name, c := range map[string]struct{ file, encoding string }{
		"utf-8":             {want, utf8Text},
		"with a mark":       {"\xef\xbb\xbf" + want, utf8Text},
		"utf-16le":          {utf16File(want, false, true), utf16Little},
		"utf-16be":          {utf16File(want, true, true), utf16Big},
		"utf-16le, no mark": {utf16File(want, false, false), utf16Little},
		"utf-16be, no mark": {utf16File(want, true, false), utf16Big},
		"windows-1252":      {"naam;plaats\r\nRen\xe9e \xc7elik;Li\xe8ge \x80\r\n", windows1252},
	} {
		text, encoding, err := heard(c.file)
		if err != nil || text != want || encoding != c.encoding {
			t.Errorf("%s: %q as %s, %v", name, text, encoding, err)
		}
	}
	for name, file := range map[string]string{"workbook": "PK\x03\x04\x14\x00\x06", "old workbook": "\xd0\xcf\x11\xe0\xa1", "PDF": "%PDF-1.7\n", "NUL": "naam;plaats\nAn\x00;Gent\n" + strings.Repeat("x", 99),
		"gzip": "\x1f\x8b\x08", "says UTF-8": "\xef\xbb\xbfRen\xe9e"} {
		if _, _, err := heard(file); !errors.Is(err, errNotText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is wrong late in the file counts as well.
	if _, encoding, _ := heard(strings.Repeat("a;b\n", 1<<16) + "\xe9"); encoding != windows1252 {
		t.Errorf("a late octet: %s", encoding)
	}
}

func TestBulkSeparator(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]byte{"a,b,c\n1;2": ',', "a;b\n1,2,3,4": ';', "a\tb\n": '\t', "a|b": '|', "a": ',', "": ',', "sep=|\na;b;c": '|',
		`"a;b;c;d",e` + "\n": ',', "\"a\nb;c\";d;e,f\n": ';'} {
		if got := separator(head); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

func TestBulkSheet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxCell+1)
	for file, want := range map[string]string{
		"a;b\r\n1;2\r\n":                    "1[a b] 2[1 2]",
		"a;b\n1;2":                          "1[a b] 2[1 2]",
		"a;b\r1;2\r":                        "1[a b] 2[1 2]",
		"\n\n;;\n  \na;b\n\n":               "5[a b]",
		"\"a\r\nb\";\"c\"\"d\"\n1;2":        "1[a\nb c\"d] 3[1 2]",
		"a;\"b\"x;c\"d\n":                   "1[a bx c\"d]",
		"a;b;c\n1\n1;2;3;4\n":               "1[a b c] 2[1] 3[1 2 3 4]",
		"=1+1;+2;-3;@x\n":                   "1[=1+1 +2 -3 @x]",
		"a;\"never closed\nb;c\n":           "1[a never closed\nb;c\n]quote_open",
		"a;" + long + "\n1;2\n":             "1[a " + long[:maxCell] + "]cell_too_long 2[1 2]",
		strings.Repeat(";", 250) + "x\n1\n": "1[" + strings.Repeat(" ", 199) + "]too_many_columns 2[1]",
		"a;\"" + strings.Repeat("y\n", 1<<19) + "\"\nb\n": "1[a " + strings.Repeat("y\n", maxCell/2) + "]cell_too_long 524290[b]",
		"": "",
	} {
		s := newSheet(strings.NewReader(file), ';')
		var got []string
		for {
			row, err := s.next()
			if err != nil {
				if err != io.EOF {
					t.Error(err)
				}
				break
			}
			got = append(got, fmt.Sprintf("%d[%s]%s", row.line, strings.Join(row.cells, " "), row.fault))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%.60q: %.200q, want %.200q", file, got, want)
		}
	}
	if _, err := newSheet(iotest.ErrReader(io.ErrUnexpectedEOF), ';').next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken reader: %v", err)
	}
}

func TestSheetCell(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"=1+1": "'=1+1", "+32470": "'+32470", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "＝1": "'＝1", "\nx": "'\nx", "é": "é", "a": "a", "": "", "'a": "'a", "1=1": "1=1"} {
		if got := SheetCell(s); got != want || PlainCell(got) != s {
			t.Errorf("%q: %q and back %q", s, got, PlainCell(got))
		}
	}
}

// FuzzSheet: no file makes the reader hold much, loop, or lose count of lines.
func FuzzSheet(f *testing.F) {
	f.Add("a;b\n\"c\nd\";e\r\n")
	f.Fuzz(func(t *testing.T, file string) {
		s := newSheet(strings.NewReader(file), ';')
		var lines []int
		for {
			row, err := s.next()
			if err != nil {
				break
			}
			lines = append(lines, row.line)
			if len(row.cells) > MaxColumns {
				t.Errorf("%d cells", len(row.cells))
			}
		}
		if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
			t.Errorf("lines %v", lines)
		}
	})
}
