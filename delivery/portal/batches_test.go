package portal_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery"
)

const listOfTwo = "Voornaam;Naam;E-mail;GSM;Taal;Bedrag\r\nAn;Janssens;an@example.be;0470123456;nl;12,50\r\n<b>Piet</b>;Maes;fout;0470123456;nl;7\r\n"

// sent is a file of a form.
type sent struct{ field, name, content string }

// files sends a form of files.
func (b *browser) files(path string, list ...sent) *browser {
	b.r.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, f := range list {
		part, err := w.CreateFormFile(f.field, f.name)
		b.r.must(err)
		_, err = part.Write([]byte(f.content))
		b.r.must(err)
	}
	b.r.must(w.Close())
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, b.r.server.URL+path, &buf)
	b.r.must(err)
	q.Header.Set("Content-Type", w.FormDataContentType())
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

// template is one of the account, with a variable.
func (r *rig) template() delivery.Template {
	r.t.Helper()
	pol := r.deliveries.DefaultPolicy()
	pol.Fallback, pol.PostAtOnce = delivery.FallbackNone, false
	made, _, err := r.deliveries.CreateTemplate(r.t.Context(), r.submitter(r.account).By, "Herinnering "+time.Now().Format("150405.000000"),
		delivery.TemplateContent{Subject: "Rekening", Body: "U betaalt ((bedrag)) euro.", Language: "nl", Policy: pol}, delivery.Once{})
	r.must(err)
	return made
}

// work does what batches wait for.
func (r *rig) work(id string) {
	r.t.Helper()
	for more := true; more; {
		var err error
		more, err = r.deliveries.WorkBulk(r.t.Context(), delivery.ID(id), time.Minute)
		r.must(err)
	}
}

// TestBatch sends to a list by the pages alone.
func TestBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.to("/portal/templates/new").submit("/portal/templates", url.Values{"template_name": {"Herinnering"}, "subject": {"Rekening"}, "body": {"((<b>))"}, "fallback": {"none"}}).
		want(http.StatusUnprocessableEntity, "/templates").shows("cannot be a variable")
	b.submit("/portal/templates", url.Values{"template_name": {"Herinnering"}, "subject": {"Rekening"}, "body": {"U betaalt ((bedrag)) euro."}, "fallback": {"none"}}).
		want(http.StatusOK, "").shows("The template was saved", "bedrag")
	id := filepath.Base(b.at.Path)
	b.to("/portal/new?template="+id).want(http.StatusOK, "/use").submit("/use", nil).want(http.StatusUnprocessableEntity, "/use").shows("Fill in bedrag")
	b.submit("/use", url.Values{"v0": {"<b>9</b>"}}).want(http.StatusOK, "/use").shows("U betaalt <b>9</b> euro.")
	b.to("/portal/batches/new?template="+id).shows("bedrag").
		files("/portal/batches/new?template="+id, sent{"list", "klanten.xlsx", "PK\x03\x04"}).want(http.StatusUnprocessableEntity, "/new").shows("not a CSV file")
	b.files("/portal/batches/new?template="+id, sent{"documents", "voorwaarden.pdf", "%PDF"}, sent{"list", "klanten.csv", listOfTwo}).
		want(http.StatusOK, "/columns").shows("Voornaam", "12,50", "<b>Piet</b>").hides("<b>Piet</b>;")
	batch := strings.Split(b.at.Path, "/")[3]
	b.submit("/columns", url.Values{"c0": {""}}).want(http.StatusUnprocessableEntity, "/columns").shows("Choose the column of ((bedrag))")
	b.to("/portal/batches/"+batch+"/columns").submit("/columns", url.Values{"c0": {"5"}, "c2": {"0"}, "c3": {"1"}, "c4": {"2"}, "c5": {"3"}, "c6": {"4"}}).
		want(http.StatusOK, batch).shows("Being checked")
	r.work(batch)
	b.to("/portal/batches/"+batch).shows("Waits for you", "U betaalt 12,50 euro.", "an e-mail address such as", "1 message is sent in your name", "1 row is left out")
	b.to("/portal/batches/" + batch + "/errors.csv")
	if b.body != "\ufeffLine;Column;What is wrong\r\n3;E-mail address;Enter an e-mail address such as name@example.be\r\n" {
		t.Errorf("errors %q", b.body)
	}
	b.to("/portal/batches/"+batch).submit("/confirm", url.Values{"digest": {strings.Repeat("0", 64)}}).want(http.StatusConflict, "/confirm").shows("changed after you looked")
	b.to("/portal/batches/"+batch).submit("/confirm", nil).want(http.StatusOK, batch).shows("Being sent")
	r.work(batch)
	b.to("/portal/batches/" + batch).shows("Done").to("/portal/batches/" + batch + "/outcome.csv")
	if !strings.Contains(b.body, "2;Sent;") || !strings.Contains(b.body, "3;Has a fault;;;E-mail address: Enter") {
		t.Errorf("outcome %q", b.body)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// TestForeignBatches asks for lists, templates and addresses of another account.
func TestForeignBatches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _ = r.company("karim", "Andere nv")
	made := r.template()
	batch, err := r.deliveries.UploadBulk(t.Context(), r.submitter(r.account).By, delivery.NewBulk{Name: "x.csv", Template: made.ID}, strings.NewReader(listOfTwo))
	r.must(err)
	entry, _, err := r.deliveries.AddAddressee(t.Context(), r.account, delivery.Addressee{Recipient: submission().Recipients[0]}, delivery.Once{})
	r.must(err)
	karim := r.signedIn("karim", "")
	for _, path := range []string{"/portal/batches/" + string(batch.ID), "/portal/batches/" + string(batch.ID) + "/columns", "/portal/batches/" + string(batch.ID) + "/errors.csv",
		"/portal/batches/" + string(batch.ID) + "/outcome.csv", "/portal/templates/" + string(made.ID), "/portal/templates/" + string(made.ID) + "/use",
		"/portal/batches/new?template=" + string(made.ID), "/portal/address-book/" + string(entry.ID), "/portal/batches/x", "/portal/templates/x", "/portal/address-book/x"} {
		if karim.to(path); karim.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, karim.status)
		}
	}
	for _, path := range []string{"/portal/batches/" + string(batch.ID) + "/pause", "/portal/batches/" + string(batch.ID) + "/cancel", "/portal/batches/" + string(batch.ID) + "/columns",
		"/portal/templates/" + string(made.ID) + "/archive", "/portal/address-book/" + string(entry.ID) + "/remove"} {
		if karim.post(r.server.URL+path, url.Values{}); karim.status != http.StatusNotFound {
			t.Errorf("POST %s: %d", path, karim.status)
		}
	}
	karim.to("/portal/address-book?q=janssens").want(http.StatusOK, "/address-book").hides("an@example.be")
	karim.to("/portal/address-book.csv").hides("Janssens")
	if got, err := r.deliveries.Bulk(t.Context(), r.account, batch.ID); err != nil || got.State != delivery.BulkMapping {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestBook keeps, finds, takes in and gives out addresses.
func TestBook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.to("/portal/address-book").shows("The address book is empty").to("/portal/address-book/new").
		submit("/portal/address-book", url.Values{"given": {"<script>"}, "family": {"Maes"}, "email": {"x"}, "mobile": {"0470123456"}, "language": {"nl"}}).
		want(http.StatusUnprocessableEntity, "/address-book").shows("Enter an e-mail address").hides("<script>\"")
	b.submit("/portal/address-book", url.Values{"given": {"=Piet"}, "family": {"Maes"}, "email": {"piet@example.be"}, "mobile": {"0470123456"}, "language": {"nl"}, "own_key": {"K1"}}).
		want(http.StatusOK, "").shows("The address was saved")
	id := filepath.Base(b.at.Path)
	b.to("/portal/address-book?q=mae").shows("=Piet Maes").to("/portal/new?contact="+id).want(http.StatusOK, "/new")
	if _, values := b.form("/portal/new"); values.Get("r0-email") != "piet@example.be" {
		t.Errorf("the form holds %q", values.Get("r0-email"))
	}
	b.files("/portal/address-book/import", sent{"list", "a.csv", "Klantnummer,Voornaam,Naam,E-mail,GSM\nK1,Pieter,Maes,p@example.be,0470123456\nK2,An,,an,1\n"}).
		want(http.StatusOK, "/import").shows("1 was replaced", "1 row has a fault", "E-mail address")
	b.files("/portal/address-book/import", sent{"list", "a.csv", "Voornaam,Naam\nx,y\n"}).want(http.StatusUnprocessableEntity, "/import").shows("lacks a column")
	b.files("/portal/address-book/import").want(http.StatusUnprocessableEntity, "/import").shows("Choose a file")
	b.to("/portal/address-book.csv")
	if !strings.Contains(b.body, "\r\nK1;Pieter;Maes;p@example.be;'+32470123456;nl;") {
		t.Errorf("export %q", b.body)
	}
	b.to("/portal/address-book/"+id).submit("/remove", nil).want(http.StatusOK, "/address-book").shows("empty")
}

// many looks at every page about messages to many.
func (s *screen) many() {
	r := s.r
	r.t.Helper()
	s.signIn()
	s.open("batches-none", "/portal/batches?lang="+s.lang)
	s.open("batch-new-none", "/portal/batches/new")
	s.open("templates-none", "/portal/templates")
	s.open("template-new", "/portal/templates/new")
	s.press("template-faults", `main form .actions button`, "/templates")
	made := r.template()
	s.open("templates", "/portal/templates")
	s.open("template", "/portal/templates/"+string(made.ID))
	s.open("template-use", "/portal/templates/"+string(made.ID)+"/use")
	s.press("template-use-fault", `main form .actions button`, "/use")
	s.open("batch-choose", "/portal/batches/new")
	s.open("batch-new", "/portal/batches/new?template="+string(made.ID))
	s.press("batch-new-fault", `main form .actions button`, "/new")
	name := filepath.Join(r.t.TempDir(), "klanten.csv")
	r.must(os.WriteFile(name, []byte(listOfTwo+"An;Janssens;an@example.be;0470123456;nl;3\r\n"), 0o600))
	s.do(chromedp.SetUploadFiles(chromedp.CSS(`#list`), []string{name}))
	s.press("batch-columns", `main form .actions button`, "/columns")
	var id string
	r.must(r.pool.QueryRow(r.t.Context(), `SELECT id::text FROM bulk ORDER BY id DESC LIMIT 1`).Scan(&id))
	s.press("batch-checking", `main form .actions button`, id)
	r.work(id)
	s.open("batch-checked", "/portal/batches/"+id)
	s.press("batch-running", `main form[action$="/confirm"] button`, id)
	r.work(id)
	s.open("batch-done", "/portal/batches/"+id)
	s.open("batches", "/portal/batches")
	s.open("book-none", "/portal/address-book")
	s.open("book-entry-new", "/portal/address-book/new")
	s.press("book-entry-faults", `main form .actions button`, "/address-book")
	s.open("book-import", "/portal/address-book/import")
	s.do(chromedp.SetUploadFiles(chromedp.CSS(`#list`), []string{name}))
	s.press("book-imported", `main form .actions button`, "/import")
	s.open("book", "/portal/address-book")
	s.open("book-not-found", "/portal/address-book?q=niemand")
}

func TestManyOnAPhone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) { newScreen(newRig(t), lang, "phone", 390, 844, "light").many() })
	}
}

func TestManyOnADesktop(t *testing.T) {
	t.Parallel()
	for lang, scheme := range map[string]string{"nl": "light", "fr": "dark", "de": "light", "en": "dark"} {
		t.Run(lang, func(t *testing.T) { newScreen(newRig(t), lang, "desktop", 1280, 900, scheme).many() })
	}
}
