package submission

import "io"

// framing passes a mail through and refuses what two programs could read in two
// ways: a CR or LF alone, a NUL, an endless line. Its error stays.
//
// RFC 5321 §2.3.8, §4.1.1.4
type framing struct {
	r         io.Reader
	allowance int // octets that may still be read; negative: any number
	err       error

	cr   bool
	line int
}

// framingError says what was wrong with the form of a stream. After it nobody
// can say where the mail ends.
type framingError struct{ word string }

func (e *framingError) Error() string { return "submission: " + e.word }

func (f *framing) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.allowance >= 0 && len(p) > f.allowance {
		p = p[:f.allowance]
	}
	if f.allowance == 0 {
		f.err = refusal("part_header_too_large")
		return 0, f.err
	}
	n, err := f.r.Read(p)
	if f.allowance >= 0 {
		f.allowance -= n
	}
	for _, c := range p[:n] {
		if word := f.next(c); word != "" {
			f.err = &framingError{word}
			return 0, f.err
		}
	}
	if err == io.EOF && f.cr {
		f.err = &framingError{"bare_cr"}
		return 0, f.err
	}
	if err != nil && err != io.EOF {
		err = &streamError{err}
		f.err = err
	}
	return n, err
}

// streamError is a stream that ended before its end.
type streamError struct{ err error }

func (e *streamError) Error() string { return "submission: " + e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// next takes one octet and returns what is wrong with it.
func (f *framing) next(c byte) string {
	f.line++
	switch {
	case f.cr && c != '\n':
		return "bare_cr"
	case !f.cr && c == '\n':
		return "bare_lf"
	case c == 0:
		return "nul"
	case f.line > maxLine:
		return "line_too_long"
	}
	f.cr = c == '\r'
	if c == '\n' {
		f.line = 0
	}
	return ""
}
