package collect_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bode-erds/bode/delivery/web"
)

// Bounds of plain language (B1): what guides to it ask for, by language. German
// writes its compounds as one word, so its words are longer.
const (
	averageSentence = 9.0 // words
	longestSentence = 25
)

func longest(lang string) int {
	if lang == "de" {
		return 26
	}
	return 22
}

// sentence ends at a full stop or its like; a colon does not end one.
var sentence = regexp.MustCompile(`[.!?](\s|$)`)

// sentences splits a text; a placeholder is one word.
func sentences(text string) (list [][]string) {
	for _, s := range sentence.Split(text, -1) {
		words := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \u00a0\u202f«»“”()–,", r) })
		if len(words) > 2 { // a label is no sentence
			list = append(list, words)
		}
	}
	return list
}

// faults says what of a text is hard to read.
func faults(lang, text string) (found []string) {
	for _, s := range sentences(text) {
		if len(s) > longestSentence {
			found = append(found, "a sentence of many words: "+strings.Join(s, " "))
		}
		for _, w := range s {
			if utf8.RuneCountInString(w) > longest(lang) && !strings.ContainsAny(w, "/@{-") {
				found = append(found, "a long word: "+w)
			}
		}
	}
	return found
}

// What recipients read is plain: short sentences, short words.
func TestPlainLanguage(t *testing.T) {
	t.Parallel()
	for _, lang := range web.Languages() {
		var words, count int
		err := filepath.WalkDir("words", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != lang+".json" {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			texts := map[string]string{}
			if err := json.Unmarshal(b, &texts); err != nil {
				return err
			}
			for key, text := range texts {
				for _, f := range faults(lang, text) {
					t.Errorf("%s %s: %s", lang, key, f)
				}
				for _, s := range sentences(text) {
					words, count = words+len(s), count+1
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if count < 150 {
			t.Fatalf("%s: only %d sentences", lang, count)
		}
		if average := float64(words) / float64(count); average > averageSentence {
			t.Errorf("%s: %.1f words a sentence, more than %.0f", lang, average, averageSentence)
		} else {
			t.Logf("%s: %d sentences of %.1f words", lang, count, average)
		}
	}
	// The measure finds what is hard.
	for _, hard := range []string{
		"Overeenkomstig de bepalingen van de verordening wordt de geadresseerde geacht de zending te hebben ontvangen op het ogenblik waarop zij hem ter beschikking werd gesteld door de verlener.",
		"De aansprakelijkheidsverzekeringsmaatschappij betaalt.",
	} {
		if len(faults("nl", hard)) == 0 {
			t.Errorf("passes for plain: %s", hard)
		}
	}
}
