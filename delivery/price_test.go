package delivery_test

import (
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

func TestPrices(t *testing.T) {
	t.Parallel()
	list, err := delivery.ExamplePrices()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := list.At(delivery.Date{Year: 2025, Month: 12, Day: 31}); ok {
		t.Error("a price before the first version")
	}
	p, ok := list.At(delivery.Date{Year: 2026, Month: 1, Day: 1})
	if !ok || p.ID != "2026-1" {
		t.Fatalf("on the first day: %+v", p)
	}
	for _, x := range []struct {
		country string
		pages   int
		want    int
	}{
		{"BE", 1, 50 + 4 + 1000}, {"BE", 12, 50 + 48 + 1000}, {"BE", 13, 50 + 52 + 1150}, // 20 g and 5 g a sheet: 50 g, then 55 g
		{"FR", 2, 50 + 8 + 1500}, {"US", 2, 50 + 8 + 1800}, {"US", 2000, 50 + 8000 + 7000},
	} {
		if got := p.Postage(x.country, x.pages); got != x.want {
			t.Errorf("%d pages to %s: %d, want %d", x.pages, x.country, got, x.want)
		}
	}
}

// TestPricesRefused: a list by which something has no price, or two, is none.
func TestPricesRefused(t *testing.T) {
	t.Parallel()
	if _, err := delivery.ParsePrices([]byte(testPrices)); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string][2]string{
		"currency": {`"EUR"`, `"USD"`}, "no product": {`"product": "registered", "versions"`, `"product": "", "versions"`},
		"unknown field": {`"vat"`, `"tax"`}, "date": {`2020-01-01`, `2020-13-01`}, "below zero": {`"online": 100`, `"online": -1`},
		"VAT": {`"vat": 21`, `"vat": 101`}, "nobody elsewhere": {`["*"]`, `["FR"]`}, "no steps": {`"steps": [{"grams": 100, "cents": 2000}]`, `"steps": []`},
		"steps go down": {`{"grams": 100, "cents": 900}`, `{"grams": 20, "cents": 900}`}, "cheaper when heavier": {`"cents": 900`, `"cents": 1`},
		"no versions": {`"versions": [`, `"versions": [], "remark": "", "x": [`}, "reserve": {`"reserve": 3`, `"reserve": 0`}, "not JSON": {`{"currency"`, `{currency`},
	} {
		bad := strings.Replace(testPrices, x[0], x[1], 1)
		if bad == testPrices {
			t.Fatalf("%s: nothing to spoil", name)
		}
		if _, err := delivery.ParsePrices([]byte(bad)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	twice := strings.TrimSuffix(testPrices, "]}") + "," + testPrices[strings.Index(testPrices, `{"id"`):]
	if _, err := delivery.ParsePrices([]byte(twice)); err == nil {
		t.Error("the same version twice is taken")
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	r := charging(t, 0)
	sub := submission(2)
	sub.Recipients[1].Address = nil
	q, err := r.Quote(sub, nil)
	r.must(err)
	if q.Online != 2*costOnline || q.Posted != setAside+costOnline || q.Reserved != setAside+costOnline || q.Exact {
		t.Errorf("before the letters are known: %+v", q)
	}
	q, err = r.Quote(sub, &delivery.Preview{Recipients: []delivery.RecipientPreview{{Paper: true, Letter: &delivery.LetterPreview{Pages: 2}}, {}}})
	r.must(err)
	if q.Posted != 2*costOnline+costLetter || q.Reserved != setAside+costOnline || !q.Exact {
		t.Errorf("with letters: %+v", q)
	}
	if _, err := newRig(t).Quote(sub, nil); err != delivery.ErrNoPrices {
		t.Errorf("where nobody is charged: %v", err)
	}
}
