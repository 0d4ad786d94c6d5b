package invoice

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

//go:embed words/*.json
var wordFiles embed.FS

// Papers makes the documents. Safe for concurrent use.
type Papers struct {
	words map[string]map[string]string // by language and key
	fonts fonts
}

var _ delivery.InvoicePapers = (*Papers)(nil)

// languages are those of invoices; every key is in all of them.
var languages = []string{"nl", "fr", "de", "en"}

// New reads words and fonts.
func New() (*Papers, error) {
	p := &Papers{words: map[string]map[string]string{}}
	for _, lang := range languages {
		b, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			return nil, err
		}
		var w map[string]string
		if err := json.Unmarshal(b, &w); err != nil {
			return nil, fmt.Errorf("invoice: words of %s: %w", lang, err)
		}
		p.words[lang] = w
	}
	for key := range p.words["en"] {
		for _, lang := range languages {
			if p.words[lang][key] == "" || len(p.words[lang]) != len(p.words["en"]) {
				return nil, fmt.Errorf("invoice: word %q in %s", key, lang)
			}
		}
	}
	var err error
	p.fonts, err = readFonts()
	return p, err
}

// of gives the words of a language, English where there are none.
func (p *Papers) of(language string) func(key string, args ...string) string {
	w := p.words[language]
	if w == nil {
		w = p.words["en"]
	}
	return func(key string, args ...string) string {
		s := w[key]
		for i := 0; i+1 < len(args); i += 2 {
			s = strings.ReplaceAll(s, "{"+args[i]+"}", args[i+1])
		}
		return s
	}
}

// Folder gives invoices to whoever empties a folder: one file for each, complete
// as soon as it has its name.
type Folder struct{ Dir string }

var _ delivery.InvoiceNetwork = Folder{}

var numberForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{6}$`)

// Send implements delivery.InvoiceNetwork.
func (f Folder) Send(_ context.Context, number string, ubl []byte) (err error) {
	if !numberForm.MatchString(number) {
		return fmt.Errorf("invoice: number %q", number)
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("invoice: %w", err)
	}
	tmp, err := os.CreateTemp(f.Dir, ".invoice-")
	if err != nil {
		return fmt.Errorf("invoice: %w", err)
	}
	defer os.Remove(tmp.Name()) // nothing once it has its name
	_, err = tmp.Write(ubl)
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(f.Dir, number+".xml"))
	}
	if err != nil {
		return fmt.Errorf("invoice: %w", err)
	}
	return nil
}
