package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

func newEntry(key, given, family string) delivery.Addressee {
	return delivery.Addressee{Key: key, Recipient: delivery.Recipient{Given: given, Family: family, Email: strings.ToLower(given) + "@voorbeeld.be",
		Mobile: "+32470123456", Language: "fr", NationalNumber: "85073003328"}}
}

func (r *rig) search(account, query string) (names []string) {
	r.t.Helper()
	before := delivery.ID("")
	for {
		list, next, err := r.Addressees(r.ctx(), account, query, before, 2)
		r.must(err)
		for _, a := range list {
			names = append(names, a.Given)
		}
		if next == "" {
			return names
		}
		before = next
	}
}

func TestAddressBook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := r.newAccount()
	add := func(account string, a delivery.Addressee) delivery.Addressee {
		got, _, err := r.AddAddressee(r.ctx(), account, a, delivery.Once{})
		r.must(err)
		return got
	}
	an := add(r.account, newEntry("KL-1024", "Anneleen-Charlotte", "Van den Bossche"))
	add(r.account, newEntry("", "Renée", "Çelik"))
	firm := newEntry("", "Piet", "Maes")
	firm.Organisation = &delivery.Organisation{Name: "Garage 't Hoekske bv", EnterpriseNumber: "0403170701"}
	add(r.account, firm)
	add(other, newEntry("KL-1024", "Vreemd", "Bossche"))
	for query, want := range map[string]string{
		"": "Piet Renée Anneleen-Charlotte", "bossch": "Anneleen-Charlotte", "BOSSCHE": "Anneleen-Charlotte", "celik": "Renée", "ÇE": "Renée", "rene": "Renée",
		"anneleen@voorbeeld": "", "anneleen-charlotte@voorbeeld.b": "Anneleen-Charlotte", "voorbeeld": "Piet Renée Anneleen-Charlotte", "kl 1024": "Anneleen-Charlotte",
		"hoek": "Piet", "04031": "Piet", "van maes": "", "piet ma": "Piet", "bossches": "", "annelee charl": "Anneleen-Charlotte", "vreemd": "", "%": "Piet Renée Anneleen-Charlotte", "'; --": "Piet Renée Anneleen-Charlotte",
	} {
		if got := strings.Join(r.search(r.account, query), " "); got != want {
			t.Errorf("%q finds %q, want %q", query, got, want)
		}
	}
	got, err := r.Addressee(r.ctx(), r.account, an.ID)
	if err != nil || got.Email != "anneleen-charlotte@voorbeeld.be" || got.NationalNumber != "85073003328" || got.Key != "KL-1024" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, leak := range []string{"bossche", "anneleen", "0470123456", "85073003328", "KL-1024"} {
		if n := r.count(`SELECT count(*) FROM addressee a WHERE encode(sealed, 'escape') ILIKE '%' || $1 || '%' OR a::text ILIKE '%' || $1 || '%'`, leak); n != 0 {
			t.Errorf("%q lies open", leak)
		}
	}
	got.Family = "Peeters"
	_, err = r.ChangeAddressee(r.ctx(), r.account, got)
	r.must(err)
	if names := r.search(r.account, "bossche"); len(names) != 0 {
		t.Errorf("found by the old name: %v", names)
	}
	for what, do := range map[string]func(delivery.ID) error{
		"read": func(id delivery.ID) error { _, err := r.Addressee(r.ctx(), other, id); return err },
		"change": func(id delivery.ID) error {
			a := got
			a.ID = id
			_, err := r.ChangeAddressee(r.ctx(), other, a)
			return err
		},
		"remove": func(id delivery.ID) error { return r.RemoveAddressee(r.ctx(), other, id) },
	} {
		for _, id := range []delivery.ID{an.ID, delivery.ID(evidence.NewID()), "x"} {
			if err := do(id); !errors.Is(err, delivery.ErrNotFound) {
				t.Errorf("%s %s of another account: %v", what, id, err)
			}
		}
	}
	for name, a := range map[string]delivery.Addressee{"the same key": newEntry("kl-1024", "Jan", "Maes")} {
		if _, _, err := r.AddAddressee(r.ctx(), r.account, a, delivery.Once{}); !errors.Is(err, delivery.ErrOwnKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err = r.AddAddressee(r.ctx(), r.account, newEntry(strings.Repeat("k", 101), "", "M\x00"), delivery.Once{})
	fields(t, err, "/key length", "/name/given required", "/name/family control_character", "/email email")
	r.must(r.RemoveAddressee(r.ctx(), r.account, an.ID))
	if n := r.count(`SELECT count(*) FROM addressee`); n != 3 {
		t.Errorf("%d entries", n)
	}
}

// TestAddressBookImport: a row whose key is there replaces the entry, what is
// wrong is left out and said.
func TestAddressBookImport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, err := r.AddAddressee(r.ctx(), r.account, newEntry("7", "Oud", "Naam"), delivery.Once{})
	r.must(err)
	const file = "sep=;\r\nKlantnummer;Voornaam;Naam;E-mail;GSM;Taal;Geboortedatum\r\n7;Nieuw;Naam;n@example.be;'+32470123456;NL;30/7/1985\r\n" +
		"8;=HYPERLINK(1);Maes;m@example.be;0470123456;;\r\n8;Dubbel;Maes;m@example.be;0470123456;;\r\n9;Fout;;x;0470123456;;31/2/1985\r\n"
	done, err := r.ImportAddressees(r.ctx(), r.account, strings.NewReader(file))
	if err != nil || done.Added != 1 || done.Changed != 1 || done.Faulty != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := fmt.Sprint(done.Faults); got != "[{5 [{own_key duplicate_key map[]}]} {6 [{family required map[]} {email email map[]} {birth_date date map[]}]}]" {
		t.Errorf("faults %s", got)
	}
	if got := strings.Join(r.search(r.account, ""), " "); got != "=HYPERLINK(1) Nieuw" {
		t.Errorf("entries %s", got)
	}
	if r.stored() != 0 {
		t.Errorf("%d objects are left of the file", r.stored())
	}
	for name, c := range map[string][2]string{"workbook": {"PK\x03\x04", "/file not_csv"}, "without names": {"Voornaam;Naam\nx;y\n", "/mapping/email column_missing"}, "empty": {"", "/file no_rows"},
		"only names": {"Voornaam;Naam;E-mail;GSM\n", "/file no_rows"}} {
		_, err := r.ImportAddressees(r.ctx(), r.account, strings.NewReader(c[0]))
		t.Log(name)
		if c[1] == "/mapping/email column_missing" {
			fields(t, err, c[1], "/mapping/mobile column_missing")
			continue
		}
		fields(t, err, c[1])
	}
}

// TestBulkByKey sends to people of the address book by the sender's own keys.
func TestBulkByKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, err := r.AddAddressee(r.ctx(), r.account, newEntry("KL-7", "An", "Maes"), delivery.Once{})
	r.must(err)
	_, _, err = r.AddAddressee(r.ctx(), r.newAccount(), newEntry("KL-8", "Vreemd", "Maes"), delivery.Once{})
	r.must(err)
	b := r.checked("klantnummer,voornaam,taal,bedrag\nkl-7,,de,1\nKL-8,,,1\n,,,1\nKL-7,Anna,,2\n")
	if got := strings.Join(r.bulkRows(b.ID, ""), "|"); got != "2 ready|3 faulty own_key:unknown_key|4 faulty var:voornaam:template_value_missing given:required family:required email:email mobile:mobile|5 ready" {
		t.Fatal(got)
	}
}
