package docs

import "strings"

// prose is a text of the contract, in which what stands between backquotes is
// code.
type prose string

// span is a stretch of prose that is code, or is none.
type span struct {
	Text string
	Code bool
}

// Spans are the stretches in their order.
func (p prose) Spans() (all []span) {
	code := false
	for text := range strings.SplitSeq(string(p), "`") {
		if text != "" {
			all = append(all, span{text, code})
		}
		code = !code
	}
	return all
}
