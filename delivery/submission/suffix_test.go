package submission

import (
	"strings"
	"testing"
)

func TestStrip(t *testing.T) {
	t.Parallel()
	s, err := newSuffix("r.böde.Example")
	if err != nil || s != "r.xn--bde-sna.example" {
		t.Fatalf("%q, %v", s, err)
	}
	for address, want := range map[string]string{
		"an@example.be":                          "an@example.be",
		"an@example.be.r.böde.example":           "an@example.be",
		"an@example.be.r.xn--bde-sna.example":    "an@example.be",
		"an@example.be.R.XN--BDE-SNA.EXAMPLE.":   "an@example.be",
		"An@Exämple.be.r.böde.example":           "An@Exämple.be",
		"an@xn--exmple-cua.be.r.böde.example":    "an@xn--exmple-cua.be",
		"an@example.be.x.böde.example":           "an@example.be.x.böde.example",
		"an@example.ber.böde.example":            "an@example.ber.böde.example",
		"\"a@b\"@example.be.r.böde.example":      "\"a@b\"@example.be",
		"an@böde.example":                        "an@böde.example",
		"nobody":                                 "nobody",
		"an@r.böde.example":                      "an@ ours",
		"an@r.böde.example.r.böde.example":       "an@r.böde.example ours",
		"an@x.be.r.böde.example.r.böde.example":  "an@x.be.r.böde.example ours",
		"an@example.be.r.böde.example.evil.test": "an@example.be.r.böde.example.evil.test",
	} {
		plain, ours := s.strip(address)
		if ours {
			plain += " ours"
		}
		if plain != want {
			t.Errorf("%q: %q, want %q", address, plain, want)
		}
	}
	same := []string{"an@exämple.be", "AN@EXÄMPLE.BE", "an@xn--exmple-cua.be", "an@exämple.be.r.böde.example", "an@xn--exmple-cua.be.r.xn--bde-sna.example"}
	for _, a := range same {
		if s.same(a) != s.same(same[0]) {
			t.Errorf("%q is %q", a, s.same(a))
		}
	}
	for _, other := range []string{"an@example.be", "a@exämple.be", "an@exämple.be.be", "an"} {
		if s.same(other) == s.same(same[0]) {
			t.Errorf("%q is taken for %q", other, same[0])
		}
	}
	if plain, ours := suffix("").strip("an@example.be"); plain != "an@example.be" || ours {
		t.Errorf("without a suffix: %q, %t", plain, ours)
	}
}

// TestSuffixed submits with the suffix and without it, in the envelope, in To and
// in X-Bode-Recipient, in every mixture: it is one message to one recipient.
func TestSuffixed(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Suffix = "r.bode.example" })
	c := r.client(r.key)
	const plain, long = "an@example.be", "AN@example.be.r.bode.example"
	first := ""
	for _, to := range []string{plain, long} {
		for _, named := range []string{plain, long} {
			for _, told := range []string{plain, long} {
				mail := strings.Replace(plainMail, "<an@example.be>", "<"+named+">", 1)
				mail = strings.Replace(mail, "X-Bode-Recipient: an@example.be", "X-Bode-Recipient: "+told, 1)
				if got := r.send(c, mail, to); !strings.HasPrefix(got, "250 ") && !strings.Contains(got, "message_id_reused") {
					t.Errorf("%s, %s, %s: %q", to, named, told, got)
				} else if first == "" {
					first = got
				}
			}
		}
	}
	if n := r.count("message"); n != 1 {
		t.Errorf("%d messages", n)
	}
	var email string
	r.must(r.pool.QueryRow(t.Context(), `SELECT recipient ->> 'email' FROM delivery`).Scan(&email))
	if email != plain {
		t.Errorf("recipient %q", email)
	}
	two := strings.Replace(plainMail, "<1@", "<2@", 1)
	number(t, r.send(c, two, plain, long))
	if n := r.count("delivery"); n != 2 {
		t.Errorf("%d deliveries", n)
	}
}

// TestSuffixOfOthers refuses addresses that are ours to begin with, and leaves
// those that only look so to the check of To and Cc.
func TestSuffixOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Suffix = "r.bode.example" })
	x := r.dial()
	x.do("EHLO c.example", "250")
	x.do("AUTH PLAIN "+base64Of("\x00u\x00"+r.key), "235")
	x.do("MAIL FROM:<a@example.be>", "250")
	for _, to := range []string{"an@r.bode.example", "an@r.bode.example.r.bode.example", "an@x.be.r.bode.example.r.bode.example"} {
		x.do("RCPT TO:<"+to+">", "550 5.1.1 no_recipient_here")
	}
	for _, to := range []string{"an@be.r.bode.example", "an@localhost"} {
		x.do("RCPT TO:<"+to+">", "550 5.1.3 malformed_address")
	}
	x.do("RSET", "250")
	c := r.client(r.key)
	if got := r.send(c, plainMail, "an@example.be.r.bode.example.evil.example"); !strings.HasPrefix(got, "554 5.6.0 rcpt_not_in_to_or_cc") {
		t.Errorf("answer %q", got)
	}
}

// An address in a script of its own is found in To in whichever form.
func TestAddressOfOtherScripts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.dial()
	x.do("EHLO c.example", "250")
	x.do("AUTH PLAIN "+base64Of("\x00u\x00"+r.key), "235")
	x.do("MAIL FROM:<a@example.be> SMTPUTF8", "250")
	x.do("RCPT TO:<an@exämple.be>", "250")
	x.do("DATA", "354")
	x.say(strings.NewReplacer("<an@example.be>", "<an@xn--exmple-cua.be>", "Recipient: an@example.be", "Recipient: an@EXÄMPLE.be").Replace(plainMail) + ".\r\n")
	x.expect("250 2.0.0 registered")
}
