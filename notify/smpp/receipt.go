package smpp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/bode-erds/bode/notify"
)

// Numbering says how a provider writes the id of a message in a receipt, compared
// with its answer to submit_sm.
type Numbering string

const (
	Same       Numbering = ""             // octet by octet the same
	HexThenDec Numbering = "hex-then-dec" // hexadecimal in the answer, decimal in the receipt
	DecThenHex Numbering = "dec-then-hex" // decimal in the answer, hexadecimal in the receipt
)

// bases are those of the answer and of the receipt; 0 when ids are just names.
func (n Numbering) bases() (answer, receipt int) {
	switch n {
	case HexThenDec:
		return 16, 10
	case DecThenHex:
		return 10, 16
	}
	return 0, 0
}

// numbered writes an id in one way for both: as the decimal number it is in base,
// or as it came when it is no such number.
func numbered(id string, base int) string {
	if base == 0 || len(id) > longestMessageID {
		return id
	}
	if n, ok := new(big.Int).SetString(strings.TrimPrefix(strings.ToLower(id), "0x"), base); ok && n.Sign() >= 0 {
		return n.String()
	}
	return id
}

// receipt is what a message centre says became of a message.
type receipt struct {
	id     string
	stat   string   // one of the seven letters, whichever way it was said
	errno  string   // the provider's own
	absent bool     // the network knows no such subscriber
	text   string   // as received, without the words of the message
	about  []string // the numbers it names, in E.164
}

// Fields of the text of a receipt, which every provider writes a little
// differently. SMPP 3.4 Appendix B
var (
	receiptID   = regexp.MustCompile(`(?i)\bid:\s*([^\s]{1,64})`)
	receiptStat = regexp.MustCompile(`(?i)\bstat:\s*([a-z]{3,16})`)
	receiptErr  = regexp.MustCompile(`(?i)\berr:\s*([0-9a-z]{1,10})`)
	receiptText = regexp.MustCompile(`(?is)\btext:.*`)
)

// readReceipt reads a receipt. What optional parameters say wins over the text.
// Errors: ErrMalformed when it names no message or no state.
func readReceipt(m shortMessage) (receipt, error) {
	// The text may end with the first letters of the message: with a code.
	r := receipt{text: strings.TrimSpace(receiptText.ReplaceAllString(string(m.text), ""))}
	first := func(re *regexp.Regexp) string {
		if found := re.FindStringSubmatch(r.text); found != nil {
			return found[1]
		}
		return ""
	}
	r.id, r.stat, r.errno = first(receiptID), strings.ToUpper(first(receiptStat)), first(receiptErr)
	if id, ok := m.parameters[tagReceiptedID]; ok && trimmed(id) != "" {
		r.id = trimmed(id)
	}
	if state, ok := m.parameters[tagMessageState]; ok && len(state) == 1 {
		r.stat = stateName(state[0])
	}
	// Network type 3 is GSM, and its error 1 an unknown subscriber. SMPP 3.4 §5.3.2.31
	if e := m.parameters[tagNetworkError]; len(e) == 3 {
		r.absent = e[0] == 3 && e[1] == 0 && e[2] == 1
		r.errno = fmt.Sprintf("%d/%d", e[0], int(e[1])<<8|int(e[2]))
	}
	for _, a := range []address{m.from, m.to} { // some swap them
		if a.ton == tonInternational && a.value != "" && strings.Trim(a.value, "0123456789") == "" {
			r.about = append(r.about, "+"+a.value)
		}
	}
	if r.id == "" || len(r.id) > longestMessageID || r.stat == "" {
		return receipt{}, fmt.Errorf("%w: a receipt without message or state", ErrMalformed)
	}
	return r, nil
}

// stateName is message_state in the words of receipts. SMPP 3.4 §5.2.28
func stateName(state byte) string {
	names := []string{"", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"}
	if int(state) < len(names) {
		return names[state]
	}
	return ""
}

// report says what a receipt means, and false when it decides nothing: the message
// is still under way, or the message centre does not know.
func (r receipt) report(provider, from string) (notify.Report, bool) {
	raw := []byte(r.id + "\n" + r.stat + "\n" + r.text)
	sum := sha256.Sum256(raw)
	digest := hex.EncodeToString(sum[:])
	rep := notify.Report{Source: "smpp", ID: provider + ":" + r.id + ":" + digest[:16], Status: r.stat, Reply: r.text,
		Remote: from, Digest: digest, Raw: raw, Rung: notify.RungAccepted, Recipients: r.about}
	if r.errno != "" {
		rep.Status += " " + r.errno
	}
	switch {
	case strings.HasPrefix(r.stat, "DELIV"): // DELIVRD, and what some make of it
		rep.Fact, rep.Rung = notify.Delivered, notify.RungFarSide
	case strings.HasPrefix(r.stat, "EXPIR"):
		rep.Fact, rep.Cause = notify.Failed, notify.CauseUnreachable
	case strings.HasPrefix(r.stat, "REJEC"), strings.HasPrefix(r.stat, "DELET"):
		rep.Fact, rep.Cause = notify.Failed, notify.CauseOurs
	case strings.HasPrefix(r.stat, "UNDEL") && r.absent:
		rep.Fact, rep.Cause = notify.Failed, notify.CauseAddress
	case strings.HasPrefix(r.stat, "UNDEL"), strings.HasPrefix(r.stat, "FAIL"):
		rep.Fact, rep.Cause = notify.Failed, notify.CauseOther
	default:
		return notify.Report{}, false
	}
	return rep, true
}
