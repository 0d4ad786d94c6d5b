package submission

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mail := strings.Replace(plainMail, "X-Bode-Language: nl\r\n", "X-Bode-Language: nl\r\nX-Bode-Collect-Days: 20\r\nX-Bode-Retention-Months: 36\r\n"+
		"X-Bode-Reminders: no\r\nX-Bode-Receipts: No\r\nX-Bode-Post-At-Once: no\r\nX-Bode-Level: substantial\r\nX-Bode-Methods: eid, itsme\r\nX-Bode-Class: rent-2026\r\n"+
		"X-Bode-Serve-By: 2027-01-15\r\nX-Bode-Term-Rule: be-53bis-2\r\nX-Bode-Dry-Run: no\r\n", 1)
	mail = strings.Replace(mail, "mobile=", `organisation="Groen & Zonen nv"; enterprise-number=BE 0403.170.701; mobile=`, 1)
	number(t, r.send(r.client(r.key), mail))
	var got delivery.Policy
	var to delivery.Recipient
	r.must(r.pool.QueryRow(t.Context(), `SELECT m.policy, d.recipient FROM message m JOIN delivery d ON d.message_id = m.id`).Scan(&got, &to))
	if !strings.HasPrefix(got.TermRule, "be-53bis-2@") {
		t.Errorf("rule %q", got.TermRule)
	}
	want := delivery.Policy{Mode: "consent", CollectDays: 20, Level: identity.LevelSubstantial, Methods: []string{"eid", "itsme"}, Fallback: delivery.FallbackNone,
		RetentionMonths: 36, ServeBy: "2027-01-15", TermRule: got.TermRule, LastPaper: got.LastPaper, Class: "rent-2026"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if to.Organisation == nil || *to.Organisation != (delivery.Organisation{Name: "Groen & Zonen nv", EnterpriseNumber: "0403170701"}) {
		t.Errorf("organisation %+v", to.Organisation)
	}
}

// Each option is refused for what is no value, and for standing there twice.
func TestRefusedOptions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	for field, want := range map[string]string{
		"X-Bode-Retention-Months: two":                "invalid policy/retention_months number",
		"X-Bode-Retention-Months: 0":                  "invalid policy/retention_months range",
		"X-Bode-Collect-Days: 9999999999999999999999": "invalid policy/collect_days number",
		"X-Bode-Reminders: true":                      "invalid policy/reminders yes_or_no",
		"X-Bode-Receipts:":                            "invalid policy/receipts yes_or_no",
		"X-Bode-Post-At-Once: perhaps":                "invalid policy/post_at_once yes_or_no",
		"X-Bode-Level: low":                           "invalid policy/level unsupported",
		"X-Bode-Level:":                               "invalid policy/level unsupported",
		"X-Bode-Methods: eid,,itsme":                  "invalid policy/methods/1 required",
		"X-Bode-Methods: a,b,c,d,e,f,g,h,i,j,k":       "invalid policy/methods too_many",
		"X-Bode-Class: Rent 2026":                     "invalid policy/class class",
		"X-Bode-Serve-By: 15/01/2027":                 "invalid policy/serve_by date",
		"X-Bode-Serve-By: 2026-11-20":                 "invalid policy/serve_by too_early",
		"X-Bode-Term-Rule: xx-1":                      "invalid policy/term_rule unsupported",
		"X-Bode-Dry-Run: 1":                           "invalid dry_run yes_or_no",
		"X-Bode-Dry-Run: yes\r\nX-Bode-Dry-Run: no":   "duplicate_header X-Bode-Dry-Run",
		"X-Bode-Class: a\r\nX-Bode-Class: b":          "duplicate_header X-Bode-Class",
		"X-Bode-Serve-by: a\r\nX-Bode-Serve-By: b":    "duplicate_header X-Bode-Serve-By",
		"X-Bode-Dryrun: yes":                          "unknown_header X-Bode-Dryrun",
		"X-Bode-: yes":                                "unknown_header X-Bode-",
		"X-Bode-Reminder: no":                         "unknown_header X-Bode-Reminder",
		"X-Bode-Class: =?utf-8?q?rent?=":              "invalid policy/class class",
	} {
		if got := r.send(c, field+"\r\n"+plainMail); !strings.HasPrefix(got, "554 5.6.0 "+want) {
			t.Errorf("%q: %q", field, got)
		}
	}
	for recipient, want := range map[string]string{
		"; organisation=X":                               "invalid recipients/0/organisation/enterprise_number enterprise_number",
		"; enterprise-number=0403170701":                 "invalid recipients/0/organisation/name required",
		"; organisation=X; enterprise-number=0403170702": "invalid recipients/0/organisation/enterprise_number enterprise_number",
		"; organisation=X; organisation=Y":               "recipient_unknown_key organisation",
	} {
		mail := strings.Replace(plainMail, "mobile=+32470000001", "mobile=+32470000001"+recipient, 1)
		if got := r.send(c, mail); !strings.HasPrefix(got, "554 5.6.0 "+want) {
			t.Errorf("%q: %q", recipient, got)
		}
	}
	if n := r.count("message"); n != 0 {
		t.Errorf("%d messages", n)
	}
}

// TestDryRun holds that a rehearsal meets the same checks, and keeps nothing: no
// row, no document, no key of an idempotent answer.
func TestDryRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.live)
	dry := func(mail string) string { return r.send(c, "X-Bode-Dry-Run: yes\r\n"+mail) }
	whole := mixed(textPart, attachment("brief.pdf", []byte("%PDF-1.7")))
	for range 2 {
		if got := dry(whole); got != "250 2.0.0 checked, nothing registered" {
			t.Errorf("answer %q", got)
		}
	}
	for mail, want := range map[string]string{
		strings.Replace(whole, "+32470000001", "0470", 1): "554 5.6.0 invalid recipients/0/mobile mobile",
		header + "\r\n": "554 5.6.0 invalid body required",
		header + "Content-Type: text/html\r\n\r\nx":                                                       "554 5.6.0 html_only",
		strings.Replace(whole, "JVBERi0xLjc=", "JVBER", 1):                                                "554 5.6.0 malformed_mime",
		mixed(textPart, attachment("=?utf-8?q?a=E2=80=AEgpj.exe?=", nil)):                                 "554 5.6.0 invalid filename control_character",
		mixed(textPart, strings.Split(strings.Repeat(attachment("a", nil)+"\x01", 101), "\x01")[:101]...): "554 5.6.0 invalid documents too_many",
	} {
		if got := dry(mail); !strings.HasPrefix(got, want) {
			t.Errorf("%q for %.2000q", got, mail)
		}
	}
	for _, table := range []string{"message", "document", "delivery", "erds_event", "notice", "river_job", "idempotency"} {
		if n := r.count(table); n != 0 {
			t.Errorf("%d rows of %s", n, table)
		}
	}
	r.must(filepath.WalkDir(r.objects, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	}))
	number(t, r.send(c, whole)) // the same Message-ID, now in earnest
}

// TestEqualMailsAtOnce sends one mail over many connections at the same time,
// among others: one message, and the same number to all.
func TestEqualMailsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	answers := make([]string, 12)
	var group sync.WaitGroup
	for i := range answers {
		c := r.client(r.key)
		mail := plainMail
		if i%3 == 0 {
			mail = strings.Replace(mail, "<1@", "<other-"+string(rune('a'+i))+"@", 1)
		}
		group.Go(func() { answers[i] = r.send(c, mail) })
	}
	group.Wait()
	numbers := map[string]int{}
	for _, a := range answers {
		numbers[number(t, a)]++
	}
	if len(numbers) != 5 || r.count("message") != 5 {
		t.Errorf("%d numbers and %d messages, want 5 of each", len(numbers), r.count("message"))
	}
	if n := numbers[number(t, answers[1])]; n != 8 {
		t.Errorf("%d of 8 equal mails have one number", n)
	}
}
