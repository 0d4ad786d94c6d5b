package invoice

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// rules is the version of Peppol BIS Billing 3.0 that documents are held against.
const rules = "2026.5"

func papers(t *testing.T) *Papers {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// examples are invoices of every kind, by the name of their file.
func examples() map[string]delivery.Invoice {
	paid := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	base := delivery.Invoice{ID: "0198c5a0-0000-7000-8000-000000000001", Account: "0198c5a0-0000-7000-8000-000000000002", Year: 2026, Seq: 17,
		Kind: delivery.Invoiced, IssuedAt: paid, Date: "2026-11-20", DueOn: "2026-12-20", Language: "nl", OGM: "202600001771", PaidAt: paid,
		Seller: delivery.Seller{Name: "Bode Voorbeeld bv", Number: "0403170701", VAT: "BE0403170701", Lines: []string{"Kerkstraat 1"}, Postcode: "2000",
			City: "Antwerpen", Country: "BE", Email: "facturen@bode.example", Phone: "+3231234567", IBAN: "BE68539007547034", BIC: "GKCCBEBB"},
		Buyer: delivery.Buyer{Name: "Immo Zilverlinde & zonen <bv>", Company: true, Number: "0671516647", VAT: "BE0671516647", Lines: []string{"Lindelaan 2", "bus 3"},
			Postcode: "9000", City: "Gent", Country: "BE", Email: "post@zilverlinde.example"},
		Lines: []delivery.InvoiceLine{{Kind: delivery.LineCredit, Quantity: 1, Net: 10001}},
		Net:   10001, VAT: 2100, Gross: 12101, Tax: delivery.Tax{Kind: delivery.TaxStandard, Rate: 21}}
	out := map[string]delivery.Invoice{}
	for _, lang := range languages {
		i := base
		i.Language = lang
		out["invoice-"+lang] = i
		i.Kind, i.Corrects, i.Seq = delivery.CreditNote, "2026-000017", 18
		out["credit-"+lang] = i
	}
	i := base
	i.PaidAt, i.Period = time.Time{}, "2026-10"
	i.Lines = []delivery.InvoiceLine{{Kind: delivery.LineLetter, Quantity: -1, Net: -500}, {Kind: delivery.LineOnline, Quantity: 1, Net: 10000},
		{Kind: delivery.LineSMS, Quantity: 1, Net: 501}}
	out["invoice-month"] = i
	for country, vat := range map[string]string{"FR": "FR40303265045", "NL": "NL004495445B01", "DE": "DE129273398", "LU": "LU20165772"} {
		i = base
		i.Buyer = delivery.Buyer{Name: "Société à l'étranger", Company: true, VAT: vat, Country: country, Email: "a@b.example"}
		i.Tax, i.VAT, i.Gross = delivery.Tax{Kind: delivery.TaxReverse}, 0, i.Net
		out["invoice-reverse-"+country] = i
	}
	i = base
	i.Buyer = delivery.Buyer{Name: "Alpenpost AG", Company: true, VAT: "CHE123456788", Country: "CH", Email: "a@b.example"}
	i.Tax, i.VAT, i.Gross = delivery.Tax{Kind: delivery.TaxOutside}, 0, i.Net
	out["invoice-outside"] = i
	i = base
	i.Buyer = delivery.Buyer{Name: "Karim Benali", Country: "BE", Email: "karim@example.be"}
	out["invoice-private"] = i
	return out
}

// TestPeppol holds every kind of document against the official rules, and lets
// those rules find what is spoiled, so that silence means something.
func TestPeppol(t *testing.T) {
	t.Parallel()
	dir, p := t.TempDir(), papers(t)
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name+".xml"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := examples()
	for name, i := range all {
		b, err := p.UBL(i)
		if name == "invoice-private" {
			if !errors.Is(err, delivery.ErrNotFound) {
				t.Errorf("a private person is in the network: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		write(name, b)
	}
	delete(all, "invoice-private")
	good, err := p.UBL(all["invoice-nl"])
	if err != nil {
		t.Fatal(err)
	}
	spoils := map[string][2]string{
		"BR-CO-15":           {`<cbc:TaxInclusiveAmount currencyID="EUR">121.01`, `<cbc:TaxInclusiveAmount currencyID="EUR">121.02`},
		"PEPPOL-EN16931-R01": {`<cbc:EndpointID schemeID="0208">0671516647</cbc:EndpointID>`, ``},
		"PEPPOL-COMMON-R043": {`<cbc:EndpointID schemeID="0208">0671516647`, `<cbc:EndpointID schemeID="0208">0671516648`},
		"BR-S-09":            {`<cbc:Percent>21</cbc:Percent>`, `<cbc:Percent>6</cbc:Percent>`},
		"BR-02":              {`<cbc:ID>2026-000017</cbc:ID>`, `<cbc:ID></cbc:ID>`},
	}
	for rule, x := range spoils {
		bad := bytes.Replace(good, []byte(x[0]), []byte(x[1]), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("%s: nothing to spoil", rule)
		}
		write("spoiled-"+rule, bad)
	}
	said := check(t, dir)
	for name := range all {
		if !strings.Contains(said, name+".xml: checked by 3 layers") {
			t.Errorf("%s was not checked by XSD, EN 16931 and Peppol", name)
		}
	}
	for l := range strings.Lines(said) {
		if !strings.Contains(l, "spoiled-") && !strings.Contains(l, ": checked by ") {
			t.Error(l)
		}
	}
	for rule := range spoils {
		found := false
		for l := range strings.Lines(said) {
			found = found || strings.Contains(l, "spoiled-"+rule) && strings.Contains(l, ": "+rule)
		}
		if !found {
			t.Errorf("nobody found %s", rule)
		}
	}
}

// check runs the validator over the files of dir. What it needs is fetched once.
func check(t *testing.T, dir string) string {
	t.Helper()
	from, err := filepath.Abs("testdata/peppol")
	if err != nil {
		t.Fatal(err)
	}
	lib, err := filepath.Abs("../../.cache/peppol/4.3.7")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lib); err != nil {
		tmp := fmt.Sprintf("%s.%d", lib, os.Getpid())
		cmd := exec.CommandContext(t.Context(), "mvn", "--batch-mode", "--quiet", "--strict-checksums", "-f", filepath.Join(from, "pom.xml"),
			"dependency:copy-dependencies", "-DoutputDirectory="+tmp)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("the rules of Peppol are fetched with Maven (.ci/tools installs it): %v\n%s", err, out)
		}
		if err := os.Rename(tmp, lib); err != nil {
			_ = os.RemoveAll(tmp) // another test was faster
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "java", append([]string{"-Drules=" + rules, "-cp", filepath.Join(lib, "*"), filepath.Join(from, "Check.java")}, files...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("validator: %v\n%s", err, errs.Bytes())
	}
	return out.String()
}

// TestPDF holds PDFs against tools of others: whole, tagged, with their language,
// and saying what the invoice says.
func TestPDF(t *testing.T) {
	t.Parallel()
	p := papers(t)
	for name, i := range examples() {
		b, err := p.PDF(i)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".pdf")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(tool string, args ...string) string {
			out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", name, tool, err, out)
			}
			return string(out)
		}
		run("qpdf", "--check", file)
		if info := run("pdfinfo", file); !strings.Contains(info, "Tagged:          yes") || !strings.Contains(info, i.Number()) {
			t.Errorf("%s: %s", name, info)
		}
		tree := run("pdfinfo", "-struct-text", file)
		for _, want := range []string{"H1", "Table", "TH", i.Number(), i.Seller.VAT} {
			if !strings.Contains(tree, want) {
				t.Errorf("%s: structure lacks %q", name, want)
			}
		}
		text := run("pdftotext", "-layout", file, "-")
		want := []string{i.Buyer.Name, i.Seller.Name, sum(i.Gross, i.Language), p.of(i.Language)("title." + string(i.Kind))}
		if i.PaidAt.IsZero() {
			want = append(want, i.Structured(), i.Seller.IBAN)
		}
		for _, s := range want {
			if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), strings.ReplaceAll(s, "\u00a0", " ")) {
				t.Errorf("%s: text lacks %q:\n%s", name, s, text)
			}
		}
		if again, err := p.PDF(i); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: another PDF the second time", name)
		}
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	f := Folder{t.TempDir()}
	for range 2 {
		if err := f.Send(t.Context(), "2026-000001", []byte("<x/>")); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(f.Dir)
	if err != nil || len(files) != 1 || files[0].Name() != "2026-000001.xml" {
		t.Errorf("%v, %v", files, err)
	}
	for _, number := range []string{"", "../2026-000001", "2026-1", "2026-000001/x"} {
		if f.Send(t.Context(), number, nil) == nil {
			t.Errorf("%q is taken", number)
		}
	}
	if (Folder{"/dev/null/x"}).Send(t.Context(), "2026-000001", nil) == nil {
		t.Error("sent to nowhere")
	}
}
