package submission

import (
	"reflect"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

func TestParseRecipient(t *testing.T) {
	t.Parallel()
	full := delivery.Recipient{Email: "an@example.be", Given: "An", Family: `Van "den; Berghe\`, Mobile: "+32470000001", Language: "nl",
		BirthDate: "1980-02-29", NationalNumber: "80022900156",
		Address: &delivery.PostalAddress{Lines: []string{"Kerkstraat 1; bus 2", "2e verdieping"}, Postcode: "2000", City: "Antwerpen", Country: "BE"}}
	for s, want := range map[string]delivery.Recipient{
		"an@example.be":                        {Email: "an@example.be"},
		" <an@example.be> ;":                   {Email: "an@example.be"},
		"an@example.be; mobile=+32470000001;":  {Email: "an@example.be", Mobile: "+32470000001"},
		"an@example.be;GIVEN= An ;family=a=b ": {Email: "an@example.be", Given: "An", Family: "a=b"},
		`an@example.be; given=An; family="Van \"den; Berghe\\" ; mobile=+32470000001; language=nl; birth-date=1980-02-29;` +
			`national-number=80022900156; address="Kerkstraat 1; bus 2"; address=2e verdieping; postcode=2000; city=Antwerpen; country=BE`: full,
	} {
		if got, err := parseRecipient(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for s, want := range map[string]string{
		"":                                "recipient_without_address",
		"An Janssens":                     "recipient_without_address",
		"mobile=+32470000001":             "recipient_without_address",
		"a@b.be; mobile":                  "recipient_malformed",
		"a@b.be; ; mobile=1":              "recipient_malformed",
		`a@b.be; given="An`:               "recipient_malformed",
		`a@b.be; given="An\`:              "recipient_malformed",
		`a@b.be; given="An" x; mobile=1`:  "recipient_malformed",
		`a@b.be; given=A"n"`:              "recipient_malformed",
		"a@b.be; gsm=0470":                "recipient_unknown_key gsm",
		"a@b.be; mobile=1; mobile=2":      "recipient_unknown_key mobile",
		"a@b.be; =x":                      "recipient_unknown_key ",
		"a@b.be; given\x00=x":             "recipient_unknown_key given?",
		"a@b.be; email=c@d.be; mobile=+3": "recipient_unknown_key email",
	} {
		if _, err := parseRecipient(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
}

func FuzzParseRecipient(f *testing.F) {
	f.Add(`an@example.be; given=An; family="Van \"den; Berghe\\"; mobile=+32470000001; address=a; address=b`)
	f.Add(`a@b; given="`)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := parseRecipient(s)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("%q: an answer of several lines", s)
			}
			return
		}
		// What was understood is understood the same when written out.
		quote := func(v string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
		}
		out := r.Email + ";given=" + quote(r.Given) + ";family=" + quote(r.Family) + ";mobile=" + quote(r.Mobile) + ";language=" + quote(r.Language) +
			";birth-date=" + quote(r.BirthDate) + ";national-number=" + quote(r.NationalNumber)
		if a := r.Address; a != nil {
			for _, l := range a.Lines {
				out += ";address=" + quote(l)
			}
			out += ";postcode=" + quote(a.Postcode) + ";city=" + quote(a.City) + ";country=" + quote(a.Country)
			if a.Lines == nil && a.Postcode == "" && a.City == "" && a.Country == "" {
				t.Errorf("%q: an empty address", s)
			}
		}
		if again, err := parseRecipient(out); err != nil || r.Address != nil && again.Address != nil && !reflect.DeepEqual(r, again) {
			t.Errorf("%q: %+v became %+v, %v", s, r, again, err)
		}
	})
}

func FuzzFraming(f *testing.F) {
	f.Add([]byte("a\r\n.\r\nb"), 3)
	f.Add([]byte("a\rb\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		s := string(in)
		clean := strings.ReplaceAll(s, "\r\n", "")
		good := !strings.ContainsAny(clean, "\r\n\x00")
		for _, l := range strings.Split(s, "\r\n") {
			good = good && len(l)+2 <= maxLine
		}
		got, err := readSlowly(&framing{r: strings.NewReader(s), allowance: -1}, size)
		if good != (err == nil) && len(s) < maxLine || err == nil && got != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	})
}

func TestSplitName(t *testing.T) {
	t.Parallel()
	for s, want := range map[string][2]string{
		"An Janssens": {"An", "Janssens"}, "Jan Van den Berghe": {"Jan", "Van den Berghe"}, "Van den Berghe, Jan Piet": {"Jan Piet", "Van den Berghe"},
		"": {"", ""}, "An": {"An", ""}, " An ": {"An", ""}, "Janssens,": {"", "Janssens"},
	} {
		if given, family := splitName(s); given != want[0] || family != want[1] {
			t.Errorf("%q: %q %q", s, given, family)
		}
	}
}

// Each mail differs from a good one in one thing and is refused for it.
func TestRefusedMails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	swap := func(old, new string) string {
		if !strings.Contains(plainMail, old) {
			t.Fatalf("no %q in the mail", old)
		}
		return strings.Replace(plainMail, old, new, 1)
	}
	before := func(line string) string { return line + "\r\n" + plainMail }
	for mail, want := range map[string]string{
		before("Bcc: "):                                                                                           "bcc_not_allowed",
		before("bcc: x@example.be"):                                                                               "bcc_not_allowed",
		before("Resent-Bcc: x@example.be"):                                                                        "bcc_not_allowed",
		before("X-Bode-Colect-Days: 3"):                                                                           "unknown_header X-Bode-Colect-Days",
		before("x-bode-fallback: post"):                                                                           "duplicate_header X-Bode-Fallback",
		before("Subject: other"):                                                                                  "duplicate_header Subject",
		before("To: other@example.be"):                                                                            "duplicate_header To",
		before("X-Bode-Collect-Days: soon"):                                                                       "invalid policy/collect_days number",
		before("X-Bode-Collect-Days: 600"):                                                                        "invalid policy/collect_days range is=600 max=60 min=1",
		before("no colon"):                                                                                        "malformed_header",
		before(" folded"):                                                                                         "malformed_header",
		before("X-Bode-Recipient: an@example.be; mobile=+1"):                                                      "recipient_described_twice an@example.be",
		swap("Message-ID: <1@zilverlinde.example>\r\n", ""):                                                       "message_id_required",
		swap("<1@zilverlinde.example>", "<1 2@x>"):                                                                "message_id_required",
		swap("To: An Janssens <an@example.be>", "To: piet@example.be"):                                            "recipient_not_in_to_or_cc an@example.be",
		swap("To: An Janssens <an@example.be>", "To: undisclosed-recipients:;"):                                   "recipient_not_in_to_or_cc an@example.be",
		swap("To: An Janssens <an@example.be>", "To: <<an@example.be"):                                            "malformed_header To",
		swap("an@example.be; mobile", "an@example.be; gsm"):                                                       "recipient_unknown_key gsm",
		swap("+32470000001", "0470"):                                                                              "invalid recipients/0/mobile mobile",
		swap("X-Bode-Recipient: an@example.be; mobile=+32470000001\r\n", ""):                                      "invalid recipients/0/mobile mobile",
		swap("X-Bode-Language: nl\r\n", "X-Bode-Language: xx\r\n"):                                                "invalid language language allowed=nl,fr,de,en; recipients/0/language",
		swap("An Janssens ", ""):                                                                                  "invalid recipients/0/name/given required; recipients/0/name/family required",
		swap("Fallback: none", "Fallback: post"):                                                                  "invalid policy/fallback post_unavailable; recipients/0/postal_address required_for_post",
		swap("Subject: Opzegging", "Subject: "):                                                                   "invalid subject required",
		swap("Subject: Opzegging", "Subject: =?utf-8?q?a=0Ab?="):                                                  "invalid subject control_character",
		swap("Subject: Opzegging", "Subject: =?no-such-charset?q?a?="):                                            "malformed_header Subject",
		header + "\r\n":                                                                                           "invalid body required",
		header + "Content-Type: text/plain; charset=klingon\r\n\r\nx":                                             "unknown_charset",
		header + "Content-Type: text/plain; charset=utf-8\r\n\r\n\xff":                                            "invalid body not_utf8",
		header + "Content-Type: nonsense\r\n\r\nx":                                                                "malformed_header Content-Type",
		header + "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx":                                   "duplicate_header Content-Type",
		header + "Content-Transfer-Encoding: x-uuencode\r\n\r\nx":                                                 "unknown_encoding",
		header + "Content-Transfer-Encoding: base64\r\n\r\n****":                                                  "malformed_mime",
		header + "Content-Transfer-Encoding: base64\r\n\r\nQUI=\r\nQUI=\r\n":                                      "malformed_mime",
		header + "Content-Transfer-Encoding: base64\r\n\r\nQUJ\r\n":                                               "malformed_mime",
		header + "Content-Transfer-Encoding: quoted-printable\r\n\r\na\x01b":                                      "malformed_mime",
		header + "Content-Type: multipart/mixed\r\n\r\nx":                                                         "malformed_mime",
		header + "Content-Type: multipart/mixed; boundary=b\r\n\r\nx":                                             "malformed_mime",
		header + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b":                           "malformed_mime",
		header + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n":                              "malformed_mime",
		header + "Content-Type: message/partial; id=1; number=1\r\n\r\nx":                                         "unsupported_type",
		strings.Replace(mixed(textPart, attachment("a.pdf", []byte("abc"))), "YWJj", "YWJ", 1):                    "malformed_mime",
		strings.Replace(mixed(textPart, attachment("a.pdf", []byte("abc"))), "YWJj", "YWJj\r\n!", 1):              "malformed_mime",
		mixed(textPart, "X-Long: "+strings.Repeat("x\r\n ", 60000)+"\r\n\r\ny"):                                   "part_header_too_large",
		header + nested(20):                                                                                       "too_many_parts",
		mixed(textPart, strings.Split(strings.Repeat("Content-Type: text/x\r\n\r\ny\x01", 101), "\x01")[:101]...): "invalid documents too_many",
	} {
		got := r.send(c, mail)
		if !strings.HasPrefix(got, "554 5.6.0 "+want) {
			t.Errorf("%q for %.3000q", got, mail)
		}
		if len(got) > 510 {
			t.Errorf("answer of %d octets", len(got))
		}
	}
	if got := r.send(c, plainMail, "hidden@example.be"); got != "554 5.6.0 rcpt_not_in_to_or_cc hidden@example.be" {
		t.Errorf("answer %q", got)
	}
	if n := r.count("message"); n != 0 {
		t.Errorf("%d messages", n)
	}
	number(t, r.send(c, plainMail)) // the connection and the mail are as good as ever
}

// nested is a mail of multiparts in multiparts.
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		name := strings.Repeat("x", i+1)
		b.WriteString("Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" + name + "\r\n")
	}
	return b.String() + "\r\ntekst\r\n"
}

// The faults of many recipients do not fit: as many as do are there, and how
// many are not.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	var fields delivery.FieldErrors
	for range 100 {
		fields = append(fields, delivery.FieldError{Pointer: "/recipients/0/mobile", Code: "mobile"})
	}
	got := invalid(fields).Message
	if len(got) > maxReply || !strings.HasPrefix(got, "invalid recipients/0/mobile mobile; recipients") || !strings.HasSuffix(got, "; +84") {
		t.Errorf("%d octets: %q", len(got), got)
	}
	if got := refusal("a", "b\r\n250 ok é").Message; got != "a b??250 ok ?" {
		t.Errorf("%q", got)
	}
}
