package delivery_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// template keeps one that needs no paper.
func (r *rig) template(account, subject, body string) delivery.Template {
	r.t.Helper()
	c := content(subject, body)
	c.Policy.Fallback, c.Policy.PostAtOnce = delivery.FallbackNone, false
	made, _, err := r.CreateTemplate(r.ctx(), r.sender(account).By, "sjabloon "+evidence.NewID(), c, delivery.Once{})
	r.must(err)
	return made
}

const heading = "Klantnummer;Voornaam;Naam;E-mail;GSM;Taal;Bedrag\r\n"

// people are n rows.
func people(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ";An;Janssens;an%d@example.be;0470 %06d;nl;%d,50\r\n", i, i, i)
	}
	return b.String()
}

func (r *rig) uploadBulk(list string, docs ...string) delivery.Bulk {
	r.t.Helper()
	made := r.template(r.account, "Rekening", "U betaalt ((bedrag)) euro, ((voornaam)).")
	b, err := r.UploadBulk(r.ctx(), r.sender(r.account).By, delivery.NewBulk{Name: "klanten.csv", Template: made.ID, Documents: docs, Reference: "2026-11"},
		strings.NewReader(list))
	r.must(err)
	return b
}

// checked is a batch whose rows were checked.
func (r *rig) checked(list string, docs ...string) delivery.Bulk {
	r.t.Helper()
	b := r.uploadBulk(list, docs...)
	v, err := r.BulkView(r.ctx(), r.account, b.ID, 5)
	r.must(err)
	r.must(r.MapBulk(r.ctx(), r.sender(r.account).By, b.ID, v.Guess))
	return r.worked(b.ID)
}

// worked works on a batch until there is nothing more to do.
func (r *rig) worked(id delivery.ID) delivery.Bulk {
	r.t.Helper()
	for {
		more, err := r.WorkBulk(r.ctx(), id, time.Minute)
		r.must(err)
		if !more {
			return r.bulk(id)
		}
	}
}

func (r *rig) bulk(id delivery.ID) delivery.Bulk {
	r.t.Helper()
	b, err := r.Bulk(r.ctx(), r.account, id)
	r.must(err)
	return b
}

func (r *rig) confirm(b delivery.Bulk) error {
	r.t.Helper()
	digest, err := b.Digest()
	r.must(err)
	return r.ConfirmBulk(r.ctx(), r.sender(r.account), b.ID, digest)
}

func (r *rig) bulkRows(id delivery.ID, kind string) (out []string) {
	r.t.Helper()
	list, err := r.BulkRows(r.ctx(), r.account, id, kind, 0, 1000)
	r.must(err)
	for _, row := range list {
		s := fmt.Sprintf("%d %s", row.Line, row.State)
		if row.SameAs > 0 {
			s += fmt.Sprintf(" as %d", row.SameAs)
		}
		for _, f := range row.Faults {
			s += " " + f.Column + ":" + f.Code
		}
		out = append(out, s)
	}
	return out
}

// TestBulk sends a list: what is right in it, with the document that all have,
// which is stored once.
func TestBulk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.share(r.account, "%PDF voorwaarden")
	b := r.checked(heading+people(3)+
		";An;Janssens;AN1@example.be;0470000001;nl;9\r\n"+ // the same as line 3
		";;Peeters;niet;12;xx;\r\n"+
		";\"Jan\r\nPiet\";Peeters;jan@example.be;0470000009;fr;1\r\n"+
		";Jan;Peeters;jan@example.be;0470000009;;7\r\n"+
		";Jan\r\n", doc)
	if b.State != delivery.BulkChecked || b.Rows != 8 || b.Faulty != 3 || b.Warned != 1 || b.Ready() != 5 {
		t.Fatalf("checked: %+v", b)
	}
	want := []string{"6 faulty var:bedrag:template_value_missing var:voornaam:template_value_missing given:required language:language email:email mobile:mobile",
		"7 faulty given:control_character", "10 faulty var:bedrag:template_value_missing family:required email:email mobile:mobile"}
	if got := r.bulkRows(b.ID, delivery.FaultyRows); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("faulty rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := r.bulkRows(b.ID, delivery.WarnedRows); strings.Join(got, "\n") != "5 ready as 3" {
		t.Errorf("warned %q", got)
	}
	r.must(r.confirm(b))
	b = r.worked(b.ID)
	if b.State != delivery.BulkDone || b.Sent != 5 || b.Failed != 0 || b.Left() != 0 || b.EndedAt.IsZero() {
		t.Fatalf("sent: %+v", b)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 5 || r.stored() != 1 {
		t.Errorf("%d messages, %d objects", n, r.stored())
	}
	list, err := r.BulkRows(r.ctx(), r.account, b.ID, delivery.SentRows, 0, 10)
	r.must(err)
	m, err := r.Message(r.ctx(), r.account, list[1].Message)
	r.must(err)
	if list[1].Delivery != delivery.Submitted || m.Number != list[1].Number || m.Reference != "2026-11" || len(m.Parts) != 2 || m.SentBy.Identifier.Value != r.account {
		t.Errorf("row %+v is %+v", list[1], m)
	}
	d := r.deliveries(m)[0]
	if d.Recipient.Email != "an1@example.be" || d.Recipient.Mobile != "+32470000001" {
		t.Errorf("recipient %+v", d.Recipient)
	}
	r.clean()
	r.must(r.confirmAgain(b))
	if _, err := r.BulkView(r.ctx(), r.account, b.ID, 1); !errors.Is(err, delivery.ErrPurged) {
		t.Errorf("the list of a batch that ended: %v", err)
	}
}

func (r *rig) confirmAgain(b delivery.Bulk) error {
	if err := r.confirm(b); !errors.Is(err, delivery.ErrBulkState) {
		return fmt.Errorf("confirmed again: %v", err)
	}
	return nil
}

// TestBulkFiles reads the same list as people's programs write it.
func TestBulkFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const latin = "pr\xe9nom,nom,courriel,gsm,langue,bedrag\r\nRen\xe9e,Dupr\xe9,renee@example.be,0470123456,fr,=1+1\r\n"
	const utf8 = "Vorname\tNachname\tE-Mail\tHandy\tSprache\tBetrag\tBedrag\nRenée\tDupré\trenee@example.be\t0470123456\tde\t\t=1+1\n"
	for name, list := range map[string]string{"latin-1, commas": latin, "BOM, tabs": "\xef\xbb\xbf" + utf8,
		"quoted": "\"First name\",\"Surname\",\"Email\",\"Mobile\",Bedrag\n\"Renée\",\"Dupré\",\"renee@example.be\",\"'+32470123456\",\"=1+1\"\n"} {
		b := r.checked(list)
		v, err := r.BulkView(r.ctx(), r.account, b.ID, 5)
		r.must(err)
		if b.State != delivery.BulkChecked || b.Rows != 1 || b.Faulty != 0 || len(v.Samples) != 1 {
			t.Errorf("%s: %+v %q", name, b, r.bulkRows(b.ID, delivery.AllRows))
			continue
		}
		sub := v.Samples[0].Submission
		if who := sub.Recipients[0]; who.Given != "Renée" || who.Family != "Dupré" || who.Mobile != "+32470123456" || sub.Body != "U betaalt =1+1 euro, Renée." {
			t.Errorf("%s: %q to %+v", name, sub.Body, who)
		}
		r.must(r.CancelBulk(r.ctx(), r.account, b.ID))
	}
	if r.stored() != 0 {
		t.Errorf("%d objects of cancelled batches are left", r.stored())
	}
}

func TestBulkFilesRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made := r.template(r.account, "Rekening", "((bedrag))")
	by := r.sender(r.account).By
	for name, c := range map[string]struct{ list, want string }{
		"workbook":       {"PK\x03\x04\x14\x00\x06\x00", "/file not_csv"},
		"NUL":            {heading + "An\x00", "/file not_csv"},
		"empty":          {"", "/file no_rows"},
		"blank":          {"\r\n;;;\r\n", "/file no_rows"},
		"a cell of 1 MB": {"\"" + strings.Repeat("x", 1<<20) + "\";b\n", "/file cell_too_long"},
	} {
		_, err := r.UploadBulk(r.ctx(), by, delivery.NewBulk{Name: "x.csv", Template: made.ID}, strings.NewReader(c.list))
		t.Log(name)
		fields(t, err, c.want)
	}
	if _, err := r.UploadBulk(r.ctx(), by, delivery.NewBulk{Name: "x.csv", Template: made.ID}, io.LimitReader(endless{}, 64<<20+1)); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	_, err := r.UploadBulk(r.ctx(), by, delivery.NewBulk{Name: "x.csv", Template: made.ID, Documents: []string{evidence.NewID()}}, strings.NewReader(heading+people(1)))
	fields(t, err, "/documents document_unknown")
	if n := r.count(`SELECT count(*) FROM bulk`); n != 0 || r.stored() != 0 {
		t.Errorf("%d batches and %d objects are left", n, r.stored())
	}
	// A cell of 1 MB in a row is a fault of that row.
	b := r.checked(heading + ";An;Janssens;\"" + strings.Repeat("x", 1<<20) + "\"\r\n" + people(1))
	if got := r.bulkRows(b.ID, delivery.FaultyRows); b.Ready() != 1 || strings.Join(got, "") != "2 faulty row:cell_too_long" {
		t.Errorf("%d ready, %q", b.Ready(), got)
	}
	for _, m := range []delivery.Mapping{nil, {"given": 1, "family": 2, "email": 3, "mobile": 4}, {"given": 1, "family": 2, "email": 99, "mobile": -1, "var:bedrag": 6, "var:voornaam": 1}} {
		if err := r.MapBulk(r.ctx(), r.sender(r.account).By, b.ID, m); err == nil {
			t.Errorf("mapped as %v", m)
		}
	}
	headOnly := r.checked(heading)
	if headOnly.State != delivery.BulkRefused || headOnly.Cause != "no_rows" {
		t.Errorf("%+v", headOnly)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestBulkConfirm: only what was seen is sent, by who may send it, once.
func TestBulkConfirm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checked(heading + people(2))
	other := r.newAccount()
	digest, err := b.Digest()
	r.must(err)
	for name, c := range map[string]struct {
		by     delivery.Submitter
		digest string
		want   error
	}{
		"another account":   {r.sender(other), digest, delivery.ErrNotFound},
		"another digest":    {r.sender(r.account), strings.Repeat("0", 64), delivery.ErrBulkChanged},
		"nobody":            {r.sender(""), digest, delivery.ErrUnidentified},
		"of the other kind": {func() delivery.Submitter { s := r.sender(r.account); s.Test = true; return s }(), digest, delivery.ErrBulkState},
		"without a mandate": {func() delivery.Submitter { s := r.sender(r.account); s.By.Subject = other; return s }(), digest, identity.ErrNoMandate},
	} {
		if err := r.ConfirmBulk(r.ctx(), c.by, b.ID, c.digest); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if got := r.worked(b.ID); got.State != delivery.BulkChecked || r.count(`SELECT count(*) FROM message`) != 0 {
		t.Fatalf("%+v", got)
	}
	// Checked again, it is another round: what was shown before does not count.
	v, err := r.BulkView(r.ctx(), r.account, b.ID, 1)
	r.must(err)
	r.must(r.MapBulk(r.ctx(), r.sender(r.account).By, b.ID, v.Guess))
	r.worked(b.ID)
	if err := r.ConfirmBulk(r.ctx(), r.sender(r.account), b.ID, digest); !errors.Is(err, delivery.ErrBulkChanged) {
		t.Errorf("an old digest: %v", err)
	}
	b = r.bulk(b.ID)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { errs[i] = r.confirm(b) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, delivery.ErrBulkState) {
			t.Error(err)
		}
	}
	if r.worked(b.ID); won != 1 || r.count(`SELECT count(*) FROM message`) != 2 {
		t.Errorf("%d confirmed, %d messages", won, r.count(`SELECT count(*) FROM message`))
	}
	for name, do := range map[string]func() error{
		"read":    func() error { _, err := r.Bulk(r.ctx(), other, b.ID); return err },
		"view":    func() error { _, err := r.BulkView(r.ctx(), other, b.ID, 1); return err },
		"map":     func() error { return r.MapBulk(r.ctx(), r.sender(other).By, b.ID, v.Guess) },
		"resume":  func() error { return r.ResumeBulk(r.ctx(), r.sender(other), b.ID) },
		"pause":   func() error { return r.PauseBulk(r.ctx(), other, b.ID) },
		"cancel":  func() error { return r.CancelBulk(r.ctx(), other, b.ID) },
		"garbage": func() error { _, err := r.Bulk(r.ctx(), r.account, "x"); return err },
	} {
		if err := do(); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%s of another account: %v", name, err)
		}
	}
	if list, err := r.BulkRows(r.ctx(), other, b.ID, "", 0, 10); err != nil || len(list) != 0 {
		t.Errorf("rows for another account: %d, %v", len(list), err)
	}
}

// TestBulkTwoWorkers sends a list with several processes at once, one of which
// counts nothing of what it sent before it dies.
func TestBulkTwoWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 600
	b := r.checked(heading + people(n))
	r.must(r.confirm(b))
	// The process that dies: rows of the first chunk are sent, and nobody knows.
	dying := r.service(nil)
	r.exec(`CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dead'; END $$`)
	r.exec(`CREATE TRIGGER dies BEFORE UPDATE OF cursor ON bulk FOR EACH ROW EXECUTE FUNCTION dies()`)
	if _, err := dying.WorkBulk(r.ctx(), b.ID, time.Minute); err == nil {
		t.Fatal("it lived")
	}
	sent := r.count(`SELECT count(*) FROM message`)
	if sent == 0 || sent >= n {
		t.Fatalf("%d messages when it died", sent)
	}
	r.exec(`DROP TRIGGER dies ON bulk`)
	var all sync.WaitGroup
	for range 3 {
		other := r.service(nil)
		all.Go(func() {
			for {
				more, err := other.WorkBulk(r.ctx(), b.ID, time.Minute)
				if err != nil {
					t.Error(err)
				}
				if !more || err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	b = r.bulk(b.ID)
	if m := r.count(`SELECT count(*) FROM message`); m != n || b.Sent != n || b.State != delivery.BulkDone {
		t.Errorf("%d messages, %+v", m, b)
	}
	if m := r.count(`SELECT count(DISTINCT recipient ->> 'email') FROM delivery`); m != n {
		t.Errorf("%d recipients", m)
	}
	if m := r.count(`SELECT count(DISTINCT message_id) FROM bulk_row WHERE state = 'sent'`); m != n {
		t.Errorf("%d rows name a message of their own", m)
	}
}

// TestBulkCancel: a batch that is cancelled while a process died knows what was
// sent, and sends nothing more.
func TestBulkCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checked(heading + people(300))
	r.must(r.confirm(b))
	r.exec(`CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dead'; END $$`)
	r.exec(`CREATE TRIGGER dies BEFORE UPDATE OF cursor ON bulk FOR EACH ROW EXECUTE FUNCTION dies()`)
	if _, err := r.WorkBulk(r.ctx(), b.ID, time.Minute); err == nil {
		t.Fatal("it lived")
	}
	r.exec(`DROP TRIGGER dies ON bulk`)
	sent := r.count(`SELECT count(*) FROM message`)
	r.must(r.CancelBulk(r.ctx(), r.account, b.ID))
	b = r.worked(b.ID)
	if b.State != delivery.BulkCancelled || b.Sent != sent || b.Left() != 300-sent || r.count(`SELECT count(*) FROM message`) != sent {
		t.Errorf("%d sent, %+v", sent, b)
	}
	if n := r.stored(); n != 0 {
		t.Errorf("%d objects are left", n)
	}
	if err := r.CancelBulk(r.ctx(), r.account, b.ID); !errors.Is(err, delivery.ErrBulkState) {
		t.Errorf("again: %v", err)
	}
}

// TestBulkPaused: a batch whose sender may not send any more waits, and goes on
// in the name of who resumes it.
func TestBulkPaused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checked(heading + people(4))
	r.must(r.confirm(b))
	r.must(r.PauseBulk(r.ctx(), r.account, b.ID))
	if got := r.worked(b.ID); got.State != delivery.BulkPaused || got.Sent != 0 {
		t.Errorf("%+v", got)
	}
	r.must(r.ResumeBulk(r.ctx(), r.sender(r.account), b.ID))
	r.exec(`UPDATE mandate SET revoked_at = $1, revoked_by = 'p'`, r.clock.now())
	if got := r.worked(b.ID); got.State != delivery.BulkPaused || got.Cause != "no_mandate" || r.count(`SELECT count(*) FROM message`) != 0 {
		t.Errorf("%+v", got)
	}
	if err := r.ResumeBulk(r.ctx(), r.sender(r.account), b.ID); !errors.Is(err, identity.ErrNoMandate) {
		t.Errorf("resumed without a mandate: %v", err)
	}
	r.exec(`INSERT INTO release_rule (account_id, second_person) VALUES ($1, true)`, r.account)
	els := evidence.NewID()
	r.newPerson(els, "Els", "Maes")
	r.grant(r.account, els, "founder", "{send}", "{}")
	by := r.sender(r.account)
	by.By.Subject, by.By.Given, by.By.Family = els, "Els", "Maes"
	r.grant(r.account, r.account, "founder", "{send}", "{}")
	if err := r.ResumeBulk(r.ctx(), r.sender(r.account), b.ID); !errors.Is(err, delivery.ErrSecondPerson) {
		t.Errorf("resumed by who prepared it: %v", err)
	}
	r.must(r.ResumeBulk(r.ctx(), by, b.ID))
	if got := r.worked(b.ID); got.State != delivery.BulkDone || r.count(`SELECT count(*) FROM message WHERE sent_by -> 'identifier' ->> 'value' = $1`, els) != 4 {
		t.Errorf("%+v", got)
	}
}

// TestBulkKeepsNoContent: nothing of a list lies open in the database or on the disk.
func TestBulkKeepsNoContent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checked(heading + ";Geheimnaam;Janssens;geheim@example.be;0470123456;nl;1\r\n;Geheimnaam;;geheim;1;nl;1\r\n")
	for _, table := range []string{"bulk", "bulk_row", "river_job"} {
		if n := r.count(`SELECT count(*) FROM ` + table + ` t WHERE t::text ILIKE '%geheim%' OR t::text LIKE '%0470123456%'`); n != 0 {
			t.Errorf("%s holds something of the list", table)
		}
	}
	r.must(filepath.WalkDir(r.objects, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if strings.Contains(string(body), "Geheim") {
			t.Errorf("%s lies open", path)
		}
		return err
	}))
	r.must(r.CancelBulk(r.ctx(), r.account, b.ID))
	if n := r.count(`SELECT count(*) FROM bulk WHERE wrapped_key IS NOT NULL`); n != 0 {
		t.Error("the key of a cancelled list is kept")
	}
}

// TestBulkRetain: a batch that nobody goes on with ends, and later nothing of it
// is known. Work that got lost gets a new job.
func TestBulkRetain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checked(heading + people(2))
	lost := r.uploadBulk(heading + people(1))
	v, err := r.BulkView(r.ctx(), r.account, lost.ID, 1)
	r.must(err)
	r.must(r.MapBulk(r.ctx(), r.sender(r.account).By, lost.ID, v.Guess))
	r.exec(`DELETE FROM river_job`)
	r.clock.pass(2 * time.Hour)
	for _, want := range []int{1, 0} {
		if n, err := r.RequeueBulks(r.ctx(), 10); err != nil || n != want {
			t.Errorf("%d jobs, %v, want %d", n, err, want)
		}
	}
	r.clock.pass(31 * 24 * time.Hour)
	r.must(r.RetainBulks(r.ctx(), 10))
	if got := r.bulk(b.ID); got.State != delivery.BulkCancelled || r.stored() != 0 {
		t.Errorf("%s, %d objects", got.State, r.stored())
	}
	r.clock.pass(91 * 24 * time.Hour)
	r.must(r.RetainBulks(r.ctx(), 10))
	if n := r.count(`SELECT (SELECT count(*) FROM bulk) + (SELECT count(*) FROM bulk_row)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}
