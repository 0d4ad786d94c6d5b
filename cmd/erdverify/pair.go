package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/bode-erds/bode/evidence"
)

// wanted is a file to verify and the files beside it, "" where there is none.
type wanted struct{ doc, record, proof string }

// pair gives every XML what stands beside it: a file of the same name among
// paths, in the same folder if there is one there, or else what exists beside it.
// Loose are those that stand beside no XML.
func pair(paths []string, exists func(path string) bool) (list []wanted, loose []string) {
	used := map[string]bool{}
	find := func(doc, suffix string) string {
		want := strings.TrimSuffix(filepath.Clean(doc), ".xml") + suffix
		i := slices.IndexFunc(paths, func(p string) bool { return filepath.Clean(p) == want })
		if i < 0 {
			i = slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) == filepath.Base(want) })
		}
		if i >= 0 {
			used[paths[i]] = true
			return paths[i]
		}
		if exists(want) {
			return want
		}
		return ""
	}
	var besides []string
	for _, p := range paths {
		switch filepath.Ext(p) {
		case ".xml":
			list = append(list, wanted{p, find(p, evidence.RecordSuffix), find(p, evidence.ProofSuffix)})
		case evidence.RecordSuffix, evidence.ProofSuffix:
			besides = append(besides, p)
		default:
			list = append(list, wanted{doc: p})
		}
	}
	for _, p := range besides {
		if !used[p] {
			loose = append(loose, p)
		}
	}
	return list, loose
}
