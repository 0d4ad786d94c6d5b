package portal_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// previewer prints the text and what is a PDF; it does not know the other kinds.
// Nothing fits in Nergensgem, and nothing at all is known while it is away.
type previewer struct{ away bool }

func (previewer) Fits(to []string, _ string) error {
	if strings.Contains(strings.Join(to, " "), "Nergensgem") {
		return delivery.ErrUnpostable
	}
	return nil
}

func (p previewer) Preview(_ context.Context, l delivery.Letter) (delivery.LetterPreview, error) {
	if p.away {
		return delivery.LetterPreview{}, errors.New("disk is full")
	}
	is := delivery.LetterPreview{Pages: 4, Sheets: 2, Grams: 15, Envelope: "C5/6", Country: "BE", Price: 1076, Online: 195, Notes: []string{"box_sign"}}
	for i, part := range l.Parts {
		v := delivery.PartPreview{Name: part.Name, SHA256: part.SHA256, Pages: 2, Notes: []string{"scaled"}}
		if i > 0 && part.MediaType != "application/pdf" {
			v = delivery.PartPreview{Name: part.Name, SHA256: part.SHA256, Cause: "frames"}
		}
		is.Parts = append(is.Parts, v)
	}
	return is, nil
}

// TestCheckShowsPaper: before sending, the sender sees what goes on paper, what
// does not and why, and what it costs; in every language.
func TestCheckShowsPaper(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliveries.Previews = previewer{}
	b := r.lotte()
	b.multipart("/portal/new", typed(), file{"contract.pdf", "application/pdf", "%PDF-1.7 a"}, file{"foto.tiff", "image/tiff", "II*"})
	b.want(http.StatusOK, "/new").shows("Check your message", "4 pages, 2 sheets of paper", "15 g, envelope C5/6", "€10.76", "€1.95",
		"1 part of the message does not go on paper", "Not printed. It holds more than one picture. Save it as PDF.", "Shrunk to fit A4", "Write a box as")
	for lang, says := range map[string]string{"nl": "€ 10,76", "fr": "10,76 €", "de": "10,76 €"} {
		b.multipart("/portal/new?lang="+lang, typed())
		if b.status != http.StatusOK || !strings.Contains(b.text(), says) {
			t.Errorf("%s: %d, lacks %q in %.2000s", lang, b.status, says, b.text())
		}
	}
	b.multipart("/portal/new?lang=en", typed("fallback", "none"))
	if b.status != http.StatusOK || strings.Contains(b.text(), "If it goes by post") {
		t.Errorf("paper is shown of what has none: %.800s", b.text())
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// TestCheckWithoutPreview: an address that fits no letter is a fault of the
// form; a preview that cannot be had keeps nobody from sending.
func TestCheckWithoutPreview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliveries.Previews = previewer{away: true}
	b := r.lotte()
	b.multipart("/portal/new", typed("r0-city", "Nergensgem")).want(http.StatusUnprocessableEntity, "/new").shows("This address does not fit on a letter")
	b.multipart("/portal/new", typed("r0-line1", "<Kerkstraat 1")).want(http.StatusUnprocessableEntity, "/new").shows("begins with a character")
	b.multipart("/portal/new", typed()).want(http.StatusOK, "/new").shows("Check your message", "You can send the message all the same")
	_, form := b.form("/portal/send")
	b.post(r.server.URL+"/portal/send", form).shows("Your message was accepted")
}
