package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// ErrCatalog says that translations do not agree, or lack a word that a page
// asks for.
var ErrCatalog = errors.New("web: catalog")

// catalog holds the words of one face, by language and key.
type catalog map[string]map[string]string

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// readCatalog reads nl.json, fr.json, de.json and en.json, at the root and in
// every folder there, and makes sure that they have the same keys with the same
// placeholders.
func readCatalog(fsys fs.FS) (catalog, error) {
	folders, err := fs.Glob(fsys, "*")
	if err != nil {
		return nil, err
	}
	folders = slices.DeleteFunc(folders, func(f string) bool { return strings.Contains(f, ".") })
	c := catalog{}
	for _, lang := range Languages() {
		c[lang] = map[string]string{}
		for _, folder := range append([]string{"."}, folders...) {
			if err := c.read(fsys, path.Join(folder, lang+".json"), lang); err != nil {
				return nil, err
			}
		}
	}
	return c, c.check()
}

func (c catalog) read(fsys fs.FS, file, lang string) error {
	b, err := fs.ReadFile(fsys, file)
	if err != nil {
		return err
	}
	m := map[string]string{}
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCatalog, file, err)
	}
	for key, text := range m {
		if _, twice := c[lang][key]; twice {
			return fmt.Errorf("%w: %s: %s stands elsewhere too", ErrCatalog, file, key)
		}
		c[lang][key] = text
	}
	return nil
}

func (c catalog) check() error {
	var bad []string
	first := Languages()[0]
	for _, lang := range Languages() {
		for key, text := range c[lang] {
			want, ok := c[first][key]
			switch {
			case !ok:
				bad = append(bad, fmt.Sprintf("%s: only in %s", key, lang))
			case strings.TrimSpace(text) == "":
				bad = append(bad, fmt.Sprintf("%s: empty in %s", key, lang))
			case !slices.Equal(placeholders(text), placeholders(want)):
				bad = append(bad, fmt.Sprintf("%s: placeholders of %s and %s differ", key, lang, first))
			}
		}
		for key := range c[first] {
			if _, ok := c[lang][key]; !ok {
				bad = append(bad, fmt.Sprintf("%s: missing in %s", key, lang))
			}
		}
	}
	for key := range c[first] {
		if stem, ok := strings.CutSuffix(key, ".one"); ok && c[first][stem+".other"] == "" {
			bad = append(bad, key+": has no .other")
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return fmt.Errorf("%w: %s", ErrCatalog, strings.Join(bad, "; "))
	}
	return nil
}

// placeholders lists the distinct placeholders of a text in order.
func placeholders(text string) []string {
	set := map[string]bool{}
	for _, p := range placeholder.FindAllString(text, -1) {
		set[p] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// AddCatalog takes the words of a face: nl.json, fr.json, de.json and en.json at
// the root of fsys and in each of its folders, flat objects of strings. Errors: ErrCatalog when a key or a
// placeholder is missing in one language.
func (w *Web) AddCatalog(face string, fsys fs.FS) error {
	c, err := readCatalog(fsys)
	if err != nil {
		return fmt.Errorf("web: words of %s: %w", face, err)
	}
	w.words[face] = c
	return nil
}

// lookup finds a text in the catalog of a face, or else in the shared one.
func (w *Web) lookup(face, lang, key string) (string, bool) {
	if t, ok := w.words[face][lang][key]; ok {
		return t, true
	}
	t, ok := w.words[""][lang][key]
	return t, ok
}

// fill puts values in the place of placeholders. Text in a value that looks like
// a placeholder stays as it is.
func fill(text string, args []any) (string, error) {
	if len(args)%2 != 0 {
		return "", fmt.Errorf("%w: odd arguments", ErrCatalog)
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i < len(args); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", args[i]), fmt.Sprint(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}

// Word is the text of a key in a language, for what goes out as a file, and whether
// there is one.
func (w *Web) Word(face, lang, key string) (string, bool) { return w.lookup(face, lang, key) }

// HasText reports whether a face or the shared catalog has words for a key.
func (w *Web) HasText(face, key string) bool {
	_, ok := w.lookup(face, Languages()[0], key)
	return ok
}

// Text is the text of a key in the reader's language, for what a handler puts
// into its page. Errors: ErrCatalog.
func (w *Web) Text(c echo.Context, face, key string, args ...any) (string, error) {
	return w.view(c, face, nil).T(key, args...)
}
