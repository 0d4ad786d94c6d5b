package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

const (
	listHead = "voornaam;naam;e-mail;gsm;straat;postcode;gemeente;bedrag\n"
	listRow  = "An;Peeters;an%[1]d@example.be;+3247012%04[1]d;Vlasmarkt 7;9000;Gent;10\n"
)

func listOf(rows int) string {
	var b strings.Builder
	b.WriteString(listHead)
	for i := range rows {
		fmt.Fprintf(&b, listRow, i)
	}
	return b.String()
}

// listTemplate is a template with one variable.
func (r *rig) listTemplate() string {
	r.t.Helper()
	a := r.do(ask{method: "POST", path: "/templates", body: map[string]any{"name": fmt.Sprint("T", r.count(`SELECT count(*) FROM template`)),
		"subject": "Rekening", "body": "U betaalt ((bedrag)) euro.", "language": "nl"}})
	var t struct{ ID string }
	r.must(json.Unmarshal(a.body, &t))
	return t.ID
}

func (r *rig) uploadList(template, list, key string) answer {
	r.t.Helper()
	q := url.Values{"name": {"klanten.csv"}, "template_id": {template}}
	return r.do(ask{method: "POST", path: "/batches/csv?" + q.Encode(), body: list, mediaType: "text/csv; charset=utf-8", header: map[string]string{"Idempotency-Key": key}})
}

type listedBatch struct {
	ID, Status, Cause, Digest string
	Counts                    struct{ Items, Faulty, Twice, Sent, Failed, Left int }
}

func (r *rig) asBatch(a answer, status int) (b listedBatch) {
	r.t.Helper()
	if a.status != status {
		r.t.Fatalf("%d, want %d: %s", a.status, status, a.body)
	}
	r.must(json.Unmarshal(a.body, &b))
	return b
}

// work does what the worker would do for a batch.
func (r *rig) work(id string) {
	r.t.Helper()
	for more := true; more; {
		var err error
		more, err = r.service.WorkBulk(r.ctx(), delivery.ID(id), time.Minute)
		r.must(err)
	}
}

// checkedList uploads a list and has its rows checked.
func (r *rig) checkedList(list string) listedBatch {
	r.t.Helper()
	b := r.asBatch(r.uploadList(r.listTemplate(), list, "k"+fmt.Sprint(r.count(`SELECT count(*) FROM bulk`))), http.StatusCreated)
	var cols struct {
		Columns []string
		Mapping map[string]int
	}
	r.must(json.Unmarshal(r.do(ask{path: "/batches/" + b.ID + "/columns"}).body, &cols))
	if cols.Mapping["family"] != 1 || cols.Mapping["var:bedrag"] != 7 || len(cols.Columns) != 8 {
		r.t.Fatalf("%+v", cols)
	}
	r.asBatch(r.do(ask{method: "PUT", path: "/batches/" + b.ID + "/columns", body: map[string]any{"mapping": cols.Mapping}}), http.StatusAccepted)
	r.work(b.ID)
	return r.asBatch(r.do(ask{path: "/batches/" + b.ID}), http.StatusOK)
}

// TestList uploads a list, reads what is wrong with it, confirms what was checked,
// and finds its messages.
func TestList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checkedList(listOf(3) + "Bo;Maes;no address;+32470999999;Markt 1;9000;Gent;5\n")
	if b.Status != "checked" || b.Counts.Items != 4 || b.Counts.Faulty != 1 || len(b.Digest) != 64 {
		t.Fatalf("%+v", b)
	}
	wrong := string(r.do(ask{path: "/batches/" + b.ID + "/items?only=faulty"}).body)
	if !strings.Contains(wrong, `"line":5,`) || !strings.Contains(wrong, `"column":"email","code":"email"`) || strings.Contains(wrong, `"line":2,`) {
		t.Errorf("faults: %s", wrong)
	}
	confirm := ask{method: "POST", path: "/batches/" + b.ID + "/confirm", body: map[string]string{"digest": b.Digest}}
	for range 2 { // the answer got lost
		r.asBatch(r.do(confirm), http.StatusAccepted)
	}
	r.work(b.ID)
	r.asBatch(r.do(confirm), http.StatusAccepted)
	if b = r.asBatch(r.do(ask{path: "/batches/" + b.ID}), http.StatusOK); b.Status != "done" || b.Counts.Sent != 3 || b.Digest != "" {
		t.Errorf("%+v", b)
	}
	if n := r.count(`SELECT count(*) FROM message WHERE test`); n != 3 {
		t.Errorf("%d messages", n)
	}
	if a := r.do(ask{path: "/batches/" + b.ID + "/columns"}); a.problem.Code != "retention_ended" {
		t.Errorf("columns of a list that is gone: %d %s", a.status, a.body)
	}
}

// TestListTurns: what may be done with a list depends on where it is; doing it
// twice is doing it once.
func TestListTurns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.checkedList(listOf(2))
	turn := func(what string, status int, code string) {
		t.Helper()
		a := r.do(ask{method: "POST", path: "/batches/" + b.ID + "/" + what, body: map[bool]any{true: map[string]string{"digest": b.Digest}}[what == "confirm"]})
		if a.status != status || a.problem.Code != code {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	turn("pause", http.StatusConflict, "batch_not_open")
	turn("resume", http.StatusConflict, "batch_not_open")
	turn("confirm", http.StatusAccepted, "")
	turn("pause", http.StatusAccepted, "")
	turn("pause", http.StatusAccepted, "")
	r.work(b.ID)
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages of a list that is paused", n)
	}
	turn("resume", http.StatusAccepted, "")
	turn("resume", http.StatusAccepted, "")
	turn("cancel", http.StatusAccepted, "")
	turn("cancel", http.StatusAccepted, "")
	turn("resume", http.StatusConflict, "batch_not_open")
	r.work(b.ID)
	turn("cancel", http.StatusAccepted, "")
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages of a list that was cancelled", n)
	}
}

// TestListOnce: a key stands for one list.
func TestListOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	template := r.listTemplate()
	first, again := r.uploadList(template, listOf(1), "k"), r.uploadList(template, listOf(1), "k")
	if a, b := r.asBatch(first, http.StatusCreated), r.asBatch(again, http.StatusCreated); a.ID != b.ID || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s and %s", first.body, again.body)
	}
	if a := r.uploadList(template, listOf(2), "k"); a.problem.Code != "idempotency_key_reused" {
		t.Errorf("another list: %d %s", a.status, a.body)
	}
	if n := r.count(`SELECT count(*) FROM bulk`); n != 1 || len(r.files()) != 1 {
		t.Errorf("%d batches, %d objects", n, len(r.files()))
	}
}

// TestListRefused: what is no list, is not one's own or was not looked at leaves
// everything as it was.
func TestListRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	template, called := r.listTemplate(), r.do(ask{method: "POST", path: "/batches", body: `[{}]`, header: map[string]string{"Idempotency-Key": "c"}}).header.Get("Batch-Id")
	b := r.checkedList(listOf(2))
	before := r.stored() + fmt.Sprint(r.count(`SELECT count(*) FROM bulk`))
	upload := "/batches/csv?name=a.csv&template_id="
	turn := "/batches/" + b.ID + "/"
	for name, c := range map[string]struct {
		a    ask
		code string
	}{
		"no name":             {ask{path: "/batches/csv?template_id=" + template, body: listOf(1), mediaType: "text/csv"}, "invalid"},
		"no template":         {ask{path: "/batches/csv?name=a", body: listOf(1), mediaType: "text/csv"}, "invalid"},
		"no such template":    {ask{path: upload + someID, body: listOf(1), mediaType: "text/csv"}, "not_found"},
		"a stranger's":        {ask{path: upload + template, key: r.otherTest, body: listOf(1), mediaType: "text/csv"}, "not_found"},
		"no such document":    {ask{path: upload + template + "&document_id=" + someID, body: listOf(1), mediaType: "text/csv"}, "invalid"},
		"no language":         {ask{path: upload + template + "&language=es", body: listOf(1), mediaType: "text/csv"}, "invalid"},
		"JSON":                {ask{path: upload + template, body: "{}", mediaType: "application/json"}, "unsupported_media_type"},
		"a picture":           {ask{path: upload + template, body: "\x89PNG\x00\x01", mediaType: "text/csv"}, "invalid"},
		"empty":               {ask{path: upload + template, body: "", mediaType: "text/csv"}, "invalid"},
		"too large":           {ask{path: upload + template, body: strings.NewReader(strings.Repeat("a;b\n", 17<<20)), mediaType: "text/csv"}, "list_too_large"},
		"column not there":    {ask{method: "PUT", path: turn + "columns", body: `{"mapping":{"given":0,"family":1,"email":2,"mobile":99,"var:bedrag":7}}`}, "invalid"},
		"columns missing":     {ask{method: "PUT", path: turn + "columns", body: `{"mapping":{"given":0}}`}, "invalid"},
		"columns unknown":     {ask{method: "PUT", path: turn + "columns", body: `{"mapping":{"given":0,"family":1,"email":2,"mobile":3,"var:bedrag":7,"x/y":1}}`}, "invalid"},
		"columns of a call":   {ask{method: "PUT", path: "/batches/" + called + "/columns", body: `{"mapping":{"given":0}}`}, "batch_not_open"},
		"another digest":      {ask{path: turn + "confirm", body: map[string]string{"digest": strings.Repeat("a", 64)}}, "batch_changed"},
		"no digest":           {ask{path: turn + "confirm", body: "{}"}, "invalid"},
		"a stranger confirms": {ask{path: turn + "confirm", key: r.otherTest, body: map[string]string{"digest": b.Digest}}, "not_found"},
		"the other kind":      {ask{path: turn + "cancel", key: r.live}, "not_found"},
		"a call is cancelled": {ask{path: "/batches/" + called + "/cancel"}, "batch_not_open"},
		"two keys":            {ask{path: turn + "cancel", header: map[string]string{"Idempotency-Key": ""}}, "idempotency_key_malformed"},
	} {
		if c.a.method == "" {
			c.a.method = "POST"
		}
		if got := r.do(c.a); got.problem.Code != c.code {
			t.Errorf("%s: %d %s, want %s", name, got.status, got.body, c.code)
		}
	}
	if a := r.do(ask{path: turn + "items?only=odd"}); a.problem.fault() != "/only unsupported" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if after := r.stored() + fmt.Sprint(r.count(`SELECT count(*) FROM bulk`)); after != before {
		t.Errorf("left behind:\n%s\nwas\n%s", after, before)
	}
}
