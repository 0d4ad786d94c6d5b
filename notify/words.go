package notify

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"text/template"
)

//go:embed translations/*.json
var translations embed.FS

// words are the sentences of one language, compiled.
type words struct {
	sentences map[string]*template.Template
	calendar  calendar
	language  string
}

// values are what a sentence may name. All of them are plain text.
type values struct {
	Service, Host, Sender, Recipient, Name, Number, Reference, Link string
	NoticeCode, Code, Status, Subject                               string
	Account, Who, What, Reason                                      string
	Submitted, Deadline, DeadlineDay, DeadlineShort, Decided        string
	Until, UntilDay, Kept, PostDay                                  string
	Tracking, Follow, Expected                                      string
	Minutes                                                         int
}

// loadWords reads and compiles one language. Every sentence is tried once, so a
// broken one is found when the process starts.
func loadWords(language string) (words, error) {
	raw, err := translations.ReadFile("translations/" + language + ".json")
	if err != nil {
		return words{}, fmt.Errorf("%w: %w", ErrWords, err)
	}
	flat, err := flatten(raw)
	if err != nil {
		return words{}, fmt.Errorf("%w: %s: %w", ErrWords, language, err)
	}
	w := words{language: language, sentences: make(map[string]*template.Template, len(flat))}
	parse := func(key string) (*template.Template, error) {
		text, ok := flat[key]
		if !ok || text == "" {
			return nil, fmt.Errorf("%w: %s: no %q", ErrWords, language, key)
		}
		t, err := template.New(key).Option("missingkey=error").Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWords, language, err)
		}
		return t, nil
	}
	if w.calendar, err = newCalendar(flat, parse); err != nil {
		return words{}, err
	}
	for key := range flat {
		if len(key) > 5 && key[:5] == "date." {
			continue
		}
		if w.sentences[key], err = parse(key); err != nil {
			return words{}, err
		}
		if _, err := w.say(key, values{}); err != nil {
			return words{}, err
		}
	}
	return w, nil
}

// flatten turns nested objects into dotted keys.
func flatten(raw []byte) (map[string]string, error) {
	var sections map[string]map[string]string
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&sections); err != nil {
		return nil, err
	}
	flat := make(map[string]string)
	for section, sentences := range sections {
		for name, text := range sentences {
			flat[section+"."+name] = text
		}
	}
	return flat, nil
}

// say writes one sentence.
func (w words) say(key string, v values) (string, error) {
	t := w.sentences[key]
	if t == nil {
		return "", fmt.Errorf("%w: no %q", ErrWords, key)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return "", fmt.Errorf("%w: %w", ErrWords, err)
	}
	return b.String(), nil
}

// has reports whether there is such a sentence.
func (w words) has(key string) bool { return w.sentences[key] != nil }
