package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/text/language"
)

//go:embed words
var wordFiles embed.FS

// words are the translations of everything the API says to people.
type words struct {
	catalogs map[string]map[string]string
	matcher  language.Matcher
	langs    []string
}

func loadWords() (words, error) {
	w := words{catalogs: map[string]map[string]string{}, langs: []string{"en", "nl", "fr", "de"}}
	var tags []language.Tag
	for _, l := range w.langs {
		w.catalogs[l] = map[string]string{}
		if err := w.read(l); err != nil {
			return w, fmt.Errorf("api: words %s: %w", l, err)
		}
		tags = append(tags, language.MustParse(l))
	}
	w.matcher = language.NewMatcher(tags)
	return w, nil
}

// read takes the words of a language from every folder of words.
func (w words) read(lang string) error {
	return fs.WalkDir(wordFiles, "words", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) != lang+".json" {
			return err
		}
		b, err := wordFiles.ReadFile(name)
		if err != nil {
			return err
		}
		m := w.catalogs[lang]
		return json.Unmarshal(b, &m)
	})
}

// match chooses a language by an Accept-Language header; English when nothing
// fits.
func (w words) match(header string) string {
	if len(header) > 200 {
		return w.langs[0]
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return w.langs[0]
	}
	_, i, _ := w.matcher.Match(tags...)
	return w.langs[i]
}

// text gives the words of a key, its {placeholders} filled in.
func (w words) text(lang, key string, args map[string]string) string {
	t, ok := w.catalogs[lang][key]
	if !ok {
		return key
	}
	for k, v := range args {
		t = strings.ReplaceAll(t, "{"+k+"}", v)
	}
	return t
}

// optional is text for a key that may have no words.
func (w words) optional(lang, key string) string { return w.catalogs[lang][key] }
