package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

//go:embed words/*.json
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
		b, err := wordFiles.ReadFile("words/" + l + ".json")
		if err != nil {
			return w, err
		}
		m := map[string]string{}
		if err := json.Unmarshal(b, &m); err != nil {
			return w, fmt.Errorf("api: words %s: %w", l, err)
		}
		w.catalogs[l] = m
		tags = append(tags, language.MustParse(l))
	}
	w.matcher = language.NewMatcher(tags)
	return w, nil
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
