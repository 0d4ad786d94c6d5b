package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/bode-erds/bode/notify"
)

// What message centres really write differs; what they mean does not.
func TestReadsReceipts(t *testing.T) {
	t.Parallel()
	id := func(s string) []byte { return []byte(s + "\x00") }
	cases := map[string]struct {
		text       string
		parameters parameters
		id         string
		fact       notify.Fact
		cause      notify.Cause
	}{
		"as in the specification": {"id:7 sub:001 dlvrd:001 submit date:2611221030 done date:2611221031 stat:DELIVRD err:000 Text:Bode: uw", nil, "7", notify.Delivered, ""},
		"spaces":                  {"id: 7 sub: 001 stat: DELIVRD err: 0", nil, "7", notify.Delivered, ""},
		"small letters":           {"ID:7 STAT:delivrd", nil, "7", notify.Delivered, ""},
		"written out":             {"id:7 stat:DELIVERED", nil, "7", notify.Delivered, ""},
		"another order":           {"stat:EXPIRED done date:2611221031 id:a-b.c", nil, "a-b.c", notify.Failed, notify.CauseUnreachable},
		"undeliverable":           {"id:7 stat:UNDELIV err:001", nil, "7", notify.Failed, notify.CauseOther},
		"rejected":                {"id:7 stat:REJECTD", nil, "7", notify.Failed, notify.CauseOurs},
		"deleted":                 {"id:7 stat:DELETED", nil, "7", notify.Failed, notify.CauseOurs},
		"parameters alone":        {"", parameters{tagReceiptedID: id("7"), tagMessageState: {2}}, "7", notify.Delivered, ""},
		"without a NUL":           {"", parameters{tagReceiptedID: []byte("7"), tagMessageState: {3}}, "7", notify.Failed, notify.CauseUnreachable},
		"parameters win":          {"id:9 stat:DELIVRD", parameters{tagReceiptedID: id("7"), tagMessageState: {5}}, "7", notify.Failed, notify.CauseOther},
		"unknown subscriber":      {"id:7 stat:UNDELIV", parameters{tagNetworkError: {3, 0, 1}}, "7", notify.Failed, notify.CauseAddress},
		"absent subscriber":       {"id:7 stat:UNDELIV", parameters{tagNetworkError: {3, 0, 27}}, "7", notify.Failed, notify.CauseOther},
		"another network":         {"id:7 stat:UNDELIV", parameters{tagNetworkError: {1, 0, 1}}, "7", notify.Failed, notify.CauseOther},
		"the message says more":   {"id:7 stat:UNDELIV text:id:8 stat:DELIVRD", nil, "7", notify.Failed, notify.CauseOther},
	}
	for name, c := range cases {
		r, err := readReceipt(shortMessage{text: []byte(c.text), parameters: c.parameters})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rep, final := r.report("one", "smsc")
		if !final || r.id != c.id || rep.Fact != c.fact || rep.Cause != c.cause || rep.Rung > notify.RungFarSide {
			t.Errorf("%s: %q %+v", name, r.id, rep)
		}
	}
	for name, text := range map[string]string{
		"under way": "id:7 stat:ENROUTE", "accepted": "id:7 stat:ACCEPTD", "unknown": "id:7 stat:UNKNOWN", "nonsense": "id:7 stat:QWERTY",
	} {
		r, err := readReceipt(shortMessage{text: []byte(text)})
		if _, final := r.report("one", "smsc"); err != nil || final {
			t.Errorf("%s decides something: %v", name, err)
		}
	}
	for name, m := range map[string]shortMessage{
		"nothing": {}, "no state": {text: []byte("id:7 sub:001")}, "no id": {text: []byte("stat:DELIVRD")},
		"only in the words": {text: []byte("text:id:7 stat:DELIVRD")}, "an unknown state": {parameters: parameters{tagReceiptedID: id("7"), tagMessageState: {99}}},
		"an endless id": {parameters: parameters{tagReceiptedID: bytes.Repeat([]byte("7"), 200), tagMessageState: {2}}},
	} {
		if r, err := readReceipt(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestNumbersOfMessages(t *testing.T) {
	t.Parallel()
	cases := []struct {
		n               Numbering
		answer, receipt string
		same            bool
	}{
		{Same, "0A1b", "0A1b", true}, {Same, "0a1b", "0A1B", false}, {Same, "10", "16", false},
		{HexThenDec, "0A1B", "2587", true}, {HexThenDec, "a1b", "0000002587", true}, {HexThenDec, "0xA1B", "2587", true}, {HexThenDec, "10", "10", false},
		{DecThenHex, "2587", "0A1B", true}, {DecThenHex, "2587", "2587", false},
		{HexThenDec, "b7f3-44", "b7f3-44", true},                                             // not a number at all
		{HexThenDec, "ffffffffffffffffffffffff", "79228162514264337593543950335", true},      // longer than a machine word
		{HexThenDec, strings.Repeat("f", 60), strings.Repeat("9", 60), false},                //
		{HexThenDec, "-1", "-1", true}, {DecThenHex, "١٢", "c", false}, {Same, "", "", true}, //
	}
	for _, c := range cases {
		answer, receipt := c.n.bases()
		if got := numbered(c.answer, answer) == numbered(c.receipt, receipt); got != c.same {
			t.Errorf("%s: %s and %s the same: %v", c.n, c.answer, c.receipt, got)
		}
	}
}

func TestReadPDURefuses(t *testing.T) {
	t.Parallel()
	header := func(size uint32) []byte {
		return append(binary.BigEndian.AppendUint32(nil, size), make([]byte, 12)...)
	}
	for name, c := range map[string]struct {
		octets []byte
		want   error
	}{
		"nothing":        {nil, io.EOF},
		"half a header":  {header(16)[:9], io.ErrUnexpectedEOF},
		"no body":        {header(17), io.ErrUnexpectedEOF},
		"too short":      {header(15), ErrSize},
		"zero":           {header(0), ErrSize},
		"too long":       {header(largestPDU + 1), ErrSize},
		"four gigabytes": {header(0xFFFFFFFF), ErrSize},
	} {
		if _, err := readPDU(bytes.NewReader(c.octets)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	body := receiptFor("m-7", "DELIVRD").octets()
	for cut := range body {
		if m, err := readShortMessage(body[:cut]); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d octets: %+v, %v", cut, m, err)
		}
	}
	for name, tail := range map[string][]byte{
		"half a parameter": {0x04}, "a parameter that is longer": {0x04, 0x27, 0, 9, 2}, "too many parameters": bytes.Repeat([]byte{0, 1, 0, 0}, 65),
	} {
		if _, err := readShortMessage(append(bytes.Clone(body), tail...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRelativeTime(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "000000000000000R", 10 * time.Minute: "000000001000000R", 25*time.Hour + 61*time.Second: "000001010101000R", 9999 * time.Hour: "000030000000000R",
	} {
		if got := relative(d); got != want || len(got) != 16 {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]address{
		"": {}, "Bode": {5, 0, "Bode"}, "+32470123456": {1, 1, "32470123456"}, "8850": {3, 0, "8850"}, "Bode 8850": {5, 0, "Bode 8850"},
	} {
		if got, err := source(from); err != nil || got != want {
			t.Errorf("%q: %+v, %v", from, got, err)
		}
	}
}

// FuzzReading feeds a session what a message centre could send. Nothing may panic,
// and what is understood is written again as it came.
func FuzzReading(f *testing.F) {
	f.Add(pdu{command: deliverSM, sequence: 1, body: receiptFor("m-7", "DELIVRD").octets()}.octets())
	f.Add(pdu{command: deliverSM, body: append(shortMessage{class: classReceipt}.octets(), parameter(nil, tagPayload, []byte("id:1 stat:EXPIRED"))...)}.octets())
	f.Add(pdu{command: submitSM | response, body: cText(nil, "m-7")}.octets())
	f.Add(pdu{command: genericNack, status: statusBadCommand}.octets())
	f.Fuzz(func(t *testing.T, octets []byte) {
		r := bytes.NewReader(octets)
		for {
			before := r.Len()
			p, err := readPDU(r)
			if err != nil {
				return
			}
			if from := len(octets) - before; !bytes.Equal(p.octets(), octets[from:len(octets)-r.Len()]) {
				t.Fatalf("%x is written as %x", octets[from:], p.octets())
			}
			_ = p.status.String()
			_, _ = readMessageID(p.body)
			m, err := readShortMessage(p.body)
			if err != nil {
				continue
			}
			if m.parameters[tagPayload] == nil { // which takes the place of the text
				again, err := readShortMessage(m.octets())
				if err != nil || !bytes.Equal(again.octets(), m.octets()) {
					t.Fatalf("%+v is read again as %+v: %v", m, again, err)
				}
			}
			said, err := readReceipt(m)
			if err != nil {
				continue
			}
			rep, final := said.report("one", "smsc")
			if final && (rep.Fact == "" || rep.Rung > notify.RungFarSide || len(rep.ID) > 200 || (rep.Fact == notify.Failed) != (rep.Cause != "")) {
				t.Fatalf("%+v", rep)
			}
		}
	})
}

// FuzzCompose holds parts against the text they are of, and against the counting of
// package notify.
func FuzzCompose(f *testing.F) {
	f.Add(strings.Repeat("a", 152) + "€" + strings.Repeat("b", 9))
	f.Add(strings.Repeat("🙂", 36))
	f.Add("reçu")
	f.Fuzz(func(t *testing.T, text string) {
		parts, coding, marked, err := compose(text, 7)
		if err != nil {
			if n, _ := notify.Segments(text); n <= mostParts {
				t.Fatalf("%d parts: %v", n, err)
			}
			return
		}
		if n, gsm7 := notify.Segments(text); n != len(parts) || gsm7 != (coding == codingDefault) {
			t.Fatalf("%q: %d parts, coding %d; counted %d, GSM-7 %v", text, len(parts), coding, n, gsm7)
		}
		var all []byte
		for i, p := range parts {
			if len(p) > 140 && coding == codingUCS2 || len(p) > 160 {
				t.Fatalf("part %d has %d octets", i, len(p))
			}
			if marked {
				if !bytes.Equal(p[:6], []byte{5, 0, 3, 7, byte(len(parts)), byte(i + 1)}) {
					t.Fatalf("part %d begins %x", i, p[:6])
				}
				p = p[6:]
			}
			if coding == codingDefault && len(p) > 0 && p[len(p)-1] == 0x1B {
				t.Fatal("an escape is parted from its letter")
			}
			all = append(all, p...)
		}
		want, _ := notify.GSM7(text)
		if coding == codingUCS2 {
			want = nil
			for _, u := range utf16.Encode([]rune(text)) {
				want = binary.BigEndian.AppendUint16(want, u)
			}
		}
		if !bytes.Equal(all, want) {
			t.Fatalf("%q becomes %x, not %x", text, all, want)
		}
	})
}
