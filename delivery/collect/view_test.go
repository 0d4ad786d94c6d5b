package collect_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// drawing is a viewer that draws two pages of whatever it is given.
type drawing struct{ err error }

func (d drawing) View(_ context.Context, pdf io.Reader) ([]delivery.PagePicture, error) {
	if _, err := io.Copy(io.Discard, pdf); err != nil {
		return nil, err
	}
	return []delivery.PagePicture{{JPEG: picture("jpeg"), Width: 40, Height: 56, Text: "Geachte <b>mevrouw</b>"}, {JPEG: picture("jpeg"), Width: 40, Height: 56}}, d.err
}

func picture(kind string) []byte {
	m := image.NewGray(image.Rect(0, 0, 40, 56))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	for i := range 40 {
		m.Set(i, i, color.Black)
	}
	var b bytes.Buffer
	if kind == "png" {
		_ = png.Encode(&b, m)
	} else {
		_ = jpeg.Encode(&b, m, nil)
	}
	return b.Bytes()
}

// with is a message with these documents alone: name, type, content.
func (r *rig) with(docs ...string) func(*delivery.Submission) {
	return func(s *delivery.Submission) {
		s.Documents = nil
		for i := 0; i < len(docs); i += 3 {
			s.Documents = append(s.Documents, r.upload(docs[i], docs[i+1], []byte(docs[i+2])))
		}
	}
}

// pictures are those that stand in the page itself.
func (b *browser) pictures() (found [][]byte) {
	b.r.t.Helper()
	walk(b.page, func(n *html.Node) {
		if _, data, ok := strings.Cut(attr(n, "src"), ";base64,"); ok && n.Data == "img" {
			found = append(found, must(base64.StdEncoding.DecodeString(data))(b.r.t))
		}
	})
	return found
}

// Documents are shown on the page, and having seen all of them is having received.
func TestShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.with("brief.pdf", "application/pdf", string(content(20_000)), "foto.png", "image/png", string(picture("png")), "nota.txt", "text/plain", "Let op: <i>niet</i> ondertekenen"))
	b := r.browser().accepted(d)
	if strings.Contains(b.header.Get("Content-Security-Policy"), "data:") {
		t.Error("a page without pictures may embed some")
	}
	b.submit("/documents/1/view", nil).want(http.StatusOK, "/view").shows("brief.pdf", "Bladzijde 2 van 2", "Geachte <b>mevrouw</b>").hides("<b>mevrouw")
	if got := b.pictures(); len(got) != 2 || !bytes.Equal(got[0], picture("jpeg")) {
		t.Errorf("%d pictures", len(got))
	}
	if p := b.header.Get("Content-Security-Policy"); !strings.Contains(p, "img-src 'self' data:;") || !strings.Contains(p, "script-src 'self';") || !strings.Contains(p, "default-src 'none'") {
		t.Errorf("policy %q", p)
	}
	if c := b.header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("kept by caches: %q", c)
	}
	r.taken(d, 1)
	b.get(r.link(d)+"/read").submit("/documents/2/view", nil).want(http.StatusOK, "/view")
	if got := b.pictures(); len(got) != 1 || !bytes.Equal(got[0], picture("png")) {
		t.Errorf("%d pictures", len(got))
	}
	b.get(r.link(d)+"/read").submit("/documents/3/view", nil).shows("Let op: <i>niet</i> ondertekenen").hides("<i>niet")
	r.taken(d, 1, 2, 3)
	if r.again(d).State != delivery.Consigned {
		t.Error("received without the text")
	}
	b.get(r.link(d)+"/read").submit("/open", nil)
	r.handedOver(d)
	n := 0
	for _, name := range r.events(d) {
		if name == evidence.ContentAccessTracking {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d transfers recorded, want one for each part", n)
	}
	b.get(r.link(d)+"/documents/1/view").want(http.StatusOK, "/read").hides(";base64,")
}

// What is not what it is called is not shown: its sender decides on the name, its
// octets on what a browser could make of it.
func TestNotShown(t *testing.T) {
	t.Parallel()
	const script = `<!doctype html><script>alert(1)</script>`
	const drawn = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`
	for name, doc := range map[string][2]string{
		"HTML as PDF":          {"application/pdf", script},
		"HTML as picture":      {"image/png", script},
		"HTML as text":         {"text/plain", script},
		"SVG as picture":       {"image/jpeg", drawn},
		"SVG as text":          {"text/plain; charset=utf-8", `<?xml version="1.0"?>` + drawn},
		"GIF as JPEG":          {"image/jpeg", "GIF89a......."},
		"the head of a PNG":    {"image/png", string(picture("png")[:20])},
		"octets as text":       {"text/plain", "tekst\x00\x01\x02"},
		"Latin-1 as text":      {"text/plain", strings.Repeat("gew\xf6hnlich ", 5)},
		"text as PDF":          {"application/pdf", "Geachte"},
		"nothing":              {"application/pdf", ""},
		"SVG":                  {"image/svg+xml", drawn},
		"HTML":                 {"text/html", script},
		"unknown":              {"application/octet-stream", string(content(3))},
		"a picture too large":  {"image/png", string(picture("png")) + strings.Repeat("x", 5<<20)},
		"a text that is large": {"text/plain", strings.Repeat("x", 600<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.message(r.with("document", doc[0], doc[1]))
			b := r.browser().accepted(d)
			b.post(r.link(d)+"/documents/1/view", nil).want(http.StatusUnprocessableEntity, "/view").shows("Wij kunnen dit document niet tonen").hides(";base64,", "alert(1)")
			r.nothingTaken(d)
		})
	}
}

// Nothing of a document is shown that is not what was sent.
func TestShownAltered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.with("brief.pdf", "application/pdf", string(content(9_000)), "foto.png", "image/png", string(picture("png")), "nota.txt", "text/plain", "Let op"))
	b := r.browser().accepted(d)
	for n, at := range []int64{100_000, 60, 2} {
		r.vault.at.Store(at)
		b.post(r.link(d)+"/documents/"+string(rune('1'+n))+"/view", nil).want(http.StatusInternalServerError, "/view").shows("Dit document is beschadigd").hides(";base64,", "Let op")
		r.nothingTaken(d)
	}
	r.becomes(d, func(d delivery.Delivery) bool { return slices.Contains(r.events(d), evidence.ContentHandoverFailure) })
}

// Without a viewer, or when it cannot, PDF is saved and not shown.
func TestWithoutViewer(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.viewer = nil })
	d := r.message()
	b := r.browser().accepted(d)
	if action, _ := b.form("/documents/1/view"); action != "" {
		t.Error("offers to show what it cannot")
	}
	b.post(r.link(d)+"/documents/1/view", nil).want(http.StatusUnprocessableEntity, "/view")
	r = newRig(t, func(r *rig) { r.viewer = drawing{delivery.ErrNoView} })
	d = r.message()
	r.browser().accepted(d).submit("/documents/1/view", nil).want(http.StatusUnprocessableEntity, "/view").shows("Wij kunnen dit document niet tonen").hides(";base64,")
	r.nothingTaken(d)
	r = newRig(t, func(r *rig) { r.viewer = drawing{errors.New("sandbox: gone")} })
	d = r.message()
	r.browser().accepted(d).submit("/documents/1/view", nil).want(http.StatusInternalServerError, "/view").hides(";base64,", "sandbox")
	r.nothingTaken(d)
}

// Nobody sees a document before the decision, after another person's
// identification, or without the session.
func TestShownToNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	address := r.link(d) + "/documents/1/view"
	refused := func(who string, b *browser) {
		t.Helper()
		if b.post(address, nil); strings.Contains(b.body, ";base64,") || strings.HasSuffix(b.at.Path, "/view") {
			t.Errorf("%s sees it: %s", who, b.at.Path)
		}
	}
	refused("a stranger", r.browser())
	refused("who has the codes", r.browser().coded(d))
	refused("who has not accepted", r.browser().identified(d))
	b := r.browser().accepted(d)
	refused("another browser, after acceptance", r.browser())
	other := r.message()
	for _, n := range []string{"0", "3", "-1", "x", "1e0", "99999999999999999999"} {
		if b.post(r.link(d)+"/documents/"+n+"/view", nil); b.status != http.StatusNotFound {
			t.Errorf("document %s: %d", n, b.status)
		}
	}
	if b.post(r.link(other)+"/documents/1/view", nil); strings.Contains(b.body, ";base64,") {
		t.Error("the session of one message opens another")
	}
	r.nothingTaken(d)
	if regexp.MustCompile(`data:`).MatchString(b.get(r.link(d) + "/read").body) {
		t.Error("the list of documents holds one")
	}
}
