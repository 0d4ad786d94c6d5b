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
	if r.text, err = text.New("mail.txt.tmpl").Funcs(text.FuncMap{"wrap": wrap}).ParseFS(layouts, "templates/mail.txt.tmpl"); err != nil {
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

// values are the facts as this language writes them.
func (w words) values(k Kind, f Facts) (values, error) {
	v := values{
		Service: plain(f.ServiceName), Host: plain(f.ServiceHost), Sender: plain(f.SenderName), Recipient: plain(f.RecipientName),
		Number: plain(f.Number), Reference: plain(f.Reference), Link: f.Link, NoticeCode: plain(f.NoticeCode), Code: f.Code, Minutes: f.CodeMinutes,
		Tracking: plain(f.Tracking), Follow: bare(f.TrackingURL),
		Account: plain(f.Account), Who: plain(f.Who), Reason: plain(f.Reason),
	}
	if k.isCode() {
		v.Link, v.NoticeCode = "", ""
	} else {
		v.Code = ""
	}
	v.Name = v.Recipient
	switch k {
	case Receipt, ContactProposed:
		v.Name = v.Sender
	case DelegateNamed:
		v.Name = "" // RecipientName is who named
	}
	var err error
	say := func(to *string, s string, e error) {
		if *to = s; err == nil {
			err = e
		}
	}
	if v.Sender == "" {
		s, e := w.say("sender.unknown", v)
		say(&v.Sender, s, e)
	}
	if k == Receipt {
		s, e := w.say("status."+f.Outcome, v)
		say(&v.Status, s, e)
	}
	if f.What != "" {
		key := "what." + f.What
		if !w.has(key) {
			key = "what.other"
		}
		s, e := w.say(key, v)
		say(&v.What, s, e)
	}
	s, e := w.calendar.Moment(f.SubmittedAt)
	say(&v.Submitted, s, e)
	s, e = w.calendar.Moment(f.DecidedAt)
	say(&v.Decided, s, e)
	s, e = w.calendar.Until(f.Deadline)
	say(&v.Deadline, s, e)
	s, e = w.calendar.UntilDay(f.Deadline)
	say(&v.DeadlineDay, s, e)
	s, e = w.calendar.UntilShort(f.Deadline)
	say(&v.DeadlineShort, s, e)
	s, e = w.calendar.Day(f.ExpectedAt)
	say(&v.Expected, s, e)
	s, e = w.calendar.Until(f.Until)
	say(&v.Until, s, e)
	s, e = w.calendar.UntilDay(f.Until)
	say(&v.UntilDay, s, e)
	return v, err
}

// content fills the outline.
func (w words) content(k Kind, f Facts, v values) (content, error) {
	var err error
	say := func(key string) string {
		s, e := w.say(key, v)
		if err == nil {
			err = e
		}
		return s
	}
	kind, o := string(k), outlineOf(k, f)
	c := content{Language: w.language, Service: v.Service, Code: v.Code, Subject: say(kind + ".subject"), Headline: say(kind + ".headline")}
	c.Greeting = say("greeting.nobody")
	if v.Name != "" {
		c.Greeting = say("greeting.name")
	}
	c.Closing, c.Footer = say("closing.greeting"), say("footer."+footerOf(k))
	for _, key := range o.paragraphs {
		c.Paragraphs = append(c.Paragraphs, say(key))
	}
	shown := map[string]string{"sender": v.Sender, "recipient": v.Recipient, "number": v.Number, "reference": v.Reference,
		"submitted": v.Submitted, "deadline": v.Deadline, "decided": v.Decided,
		"expected": v.Expected, "tracking": v.Tracking, "follow": v.Follow,
		"account": v.Account, "who": v.Who, "what": v.What, "reason": v.Reason, "until": v.Until}
	for _, key := range o.facts {
		if shown[key] != "" {
			c.Facts = append(c.Facts, fact{say("fact." + key), shown[key]})
		}
	}
	if o.link && v.Link != "" {
		c.Button, c.ButtonFallback, c.Link = say(kind+".button"), say("button.fallback"), v.Link
	}
	for _, key := range o.after {
		if key != "genuine.mail" || v.NoticeCode != "" {
			c.After = append(c.After, say(key))
		}
	}
	if f.Test {
		c.Note = say("test.note")
		v.Subject = c.Subject
		c.Subject = say("test.subject")
	}
	return c, err
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
// shortened until it fits one part.
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
		if parts, _ := Segments(s); parts == 1 || size <= shortestSender {
			return s, nil
		}
	}
}

// shorten cuts a name to size letters.
func shorten(name []rune, size int) string {
	return strings.TrimRight(string(name[:min(size, len(name))]), " .,&-(")
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
