package main

import (
	"github.com/bode-erds/bode/evidence"
)

// given is a file held against the parts of evidence, or a part for which no
// file was given.
type given struct {
	File   string `json:"file,omitempty"`
	SHA256 string `json:"sha256"`
	Part   string `json:"part,omitempty"` // what the evidence calls it; "" when it is none of its parts
}

// compare says which of the files are parts of the evidence, and then which parts
// are none of the files.
func compare(d *evidence.Document, files []given) (list []given) {
	parts := map[string]string{}
	for _, p := range d.Event.Parts {
		parts[p.SHA256] = p.Name
	}
	have := map[string]bool{}
	for _, f := range files {
		f.Part = parts[f.SHA256]
		have[f.SHA256] = true
		list = append(list, f)
	}
	for _, p := range d.Event.Parts {
		if !have[p.SHA256] {
			list = append(list, given{SHA256: p.SHA256, Part: p.Name})
		}
	}
	return list
}
