package notify

import (
	"bytes"
	"embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"
)

//go:embed templates/*.tmpl
var layouts embed.FS

// Renderer writes notices in the recipient's language (R13, R17). Safe for
// concurrent use.
//
// What a notice never holds: the subject or anything of the content, a link
// beside a code, a link to another host than ours, anything loaded from
// elsewhere.
type Renderer struct {
	words map[string]words
	text  *text.Template
	html  *html.Template
}

// NewRenderer loads all translations. Errors: ErrWords.
func NewRenderer() (*Renderer, error) {
	r := &Renderer{words: make(map[string]words)}
	for _, language := range Languages() {
		w, err := loadWords(language)
		if err != nil {
			return nil, err
		}
		r.words[language] = w
	}
	var err error
	if r.text, err = text.New("mail.txt.tmpl").Funcs(text.FuncMap{"wrap": wrap, "step": step}).ParseFS(layouts, "templates/mail.txt.tmpl"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWords, err)
	}
	if r.html, err = html.ParseFS(layouts, "templates/mail.html.tmpl"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWords, err)
	}
	return r, nil
}

// Render writes n with the facts f. Errors: ErrFacts, ErrWords.
func (r *Renderer) Render(n Notice, f Facts) (Message, error) {
	if err := f.need(n.Kind); err != nil {
		return Message{}, err
	}
	w, ok := r.words[n.Language]
	if !ok {
		return Message{}, fmt.Errorf("%w: no language %q", ErrWords, n.Language)
	}
	if n.Kind == Receipt && !w.has("outcome."+f.Outcome) {
		f.Outcome = "other"
	}
	v, err := w.values(n.Kind, f)
	if err != nil {
		return Message{}, err
	}
	m := Message{Notice: n}
	if n.Channel == SMS {
		m.Text, err = w.sms(n.Kind, f, v)
		return m, err
	}
	c, err := w.content(n.Kind, f, v)
	if err != nil {
		return Message{}, err
	}
	var plainForm, htmlForm bytes.Buffer
	if err := r.text.Execute(&plainForm, c); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrWords, err)
	}
	if err := r.html.Execute(&htmlForm, c); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrWords, err)
	}
	m.Subject, m.Text, m.HTML = c.Subject, plainForm.String(), htmlForm.String()
	return m, nil
}

// footerOf says why somebody gets a mail.
func footerOf(k Kind) string {
	switch {
	case k == Receipt || k == ContactProposed:
		return "sender"
	case k == DelegateNamed:
		return "delegate"
	case k.ofAccount():
		return "account"
	}
	return "recipient"
}

// How much of a sender's name an SMS shows, in letters.
const longestSender, shortestSender = 40, 6

// sms writes a text that starts with the name of the service, because the
// sender id of an SMS may be overwritten on its way; the sender's name is
// shortened until it fits one part. What changed is told in general words where
// the exact ones are too long.
func (w words) sms(k Kind, f Facts, v values) (string, error) {
	v.Service, v.What = transliterate(v.Service), transliterate(v.What)
	if f.Test {
		v.Service += " TEST"
	}
	name := []rune(transliterate(v.Sender))
	if len(name) == 0 {
		unknown, err := w.say("sender.unknown", v)
		if err != nil {
			return "", err
		}
		name = []rune(transliterate(unknown))
	}
	for size := longestSender; ; size-- {
		v.Sender = shorten(name, size)
		s, err := w.say(string(k)+".sms", v)
		if err != nil {
			return "", err
		}
		if k.isCode() {
			return withOrigin(s, f.ServiceHost, f.Code), nil
		}
		if parts, _ := Segments(s); parts == 1 {
			return s, nil
		}
		if size > shortestSender {
			continue
		}
		other, err := w.say("what.other", v)
		if other = transliterate(other); err != nil || v.What == "" || v.What == other {
			return s, err
		}
		v.What, size = other, longestSender+1
	}
}

// shorten cuts a name to size letters.
func shorten(name []rune, size int) string {
	return strings.TrimRight(string(name[:min(size, len(name))]), " .,&-(")
}

// step is one of a numbered list, which starts with 0 here and with 1 on paper.
func step(i int, s string) string {
	return strings.ReplaceAll(wrap(fmt.Sprintf("%d. %s", i+1, s)), "\n", "\n   ")
}

// wrap breaks a paragraph into lines of at most 72 letters, as mail readers of
// plain text expect (RFC 5322 §2.1.1). A longer word keeps its line.
func wrap(s string) string {
	var b strings.Builder
	used := 0
	for i, word := range strings.Split(s, " ") {
		size := len([]rune(word))
		switch {
		case i == 0:
		case used+1+size > 72:
			b.WriteString("\n")
			used = 0
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += size
	}
	return b.String()
}
