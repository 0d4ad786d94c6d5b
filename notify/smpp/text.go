package smpp

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/bode-erds/bode/notify"
)

// Values of data_coding. SMPP 3.4 §5.2.19
const (
	codingDefault = 0 // the message centre's alphabet: GSM 7-bit, one septet in each octet
	codingUCS2    = 8
)

// mostParts bounds a text; ours have one.
const mostParts = 10

// compose cuts a text into what each short_message carries. More than one part
// gets a header of concatenation with reference, and then marked is true.
// 3GPP TS 23.040 §9.2.3.24.1
func compose(text string, reference byte) (parts [][]byte, coding byte, marked bool, err error) {
	units, width, single, each := [][]byte{}, 1, 160, 153
	if septets, ok := notify.GSM7(text); ok {
		for i := 0; i < len(septets); i++ {
			n := 1
			if septets[i] == 0x1B { // an escape stays with its letter
				n = 2
			}
			units = append(units, septets[i:i+n])
			i += n - 1
		}
	} else {
		coding, width, single, each = codingUCS2, 2, 70, 67
		for _, r := range text {
			var b []byte
			for _, u := range utf16.Encode([]rune{r}) { // a pair stays together
				b = binary.BigEndian.AppendUint16(b, u)
			}
			units = append(units, b)
		}
	}
	parts = fill(units, single*width)
	if len(parts) == 1 {
		return parts, coding, false, nil
	}
	if parts = fill(units, each*width); len(parts) > mostParts {
		return nil, 0, false, fmt.Errorf("%w: a text of %d parts", ErrMalformed, len(parts))
	}
	for i, p := range parts {
		parts[i] = append([]byte{5, 0, 3, reference, byte(len(parts)), byte(i + 1)}, p...)
	}
	return parts, coding, true, nil
}

// fill puts units one after another into parts of at most size octets.
func fill(units [][]byte, size int) [][]byte {
	parts := [][]byte{{}}
	for _, u := range units {
		last := len(parts) - 1
		if len(parts[last])+len(u) > size {
			parts, last = append(parts, nil), last+1
		}
		parts[last] = append(parts[last], u...)
	}
	return parts
}

// relative writes a duration, of at most 30 days, as time from now.
// SMPP 3.4 §7.1.1.2
func relative(d time.Duration) string {
	s := int(min(d, 30*24*time.Hour) / time.Second)
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", s/86400, s/3600%24, s/60%60, s%60)
}

// source is the sender: a name of at most 11 letters, a number in E.164, a short
// code, or nothing, for the message centre's own.
func source(from string) (address, error) {
	digits := len(from) > 0
	for i, r := range from {
		digits = digits && (r >= '0' && r <= '9' || i == 0 && r == '+')
	}
	switch {
	case from == "":
		return address{}, nil
	case digits && from[0] == '+' && len(from) <= 16:
		return address{tonInternational, npiISDN, from[1:]}, nil
	case digits && len(from) <= 8:
		return address{tonNetwork, npiUnknown, from}, nil
	}
	if septets, ok := notify.GSM7(from); !ok || len(septets) > 11 || len(from) > longestAddress-1 {
		return address{}, fmt.Errorf("%w: a sender is a number or at most 11 letters", ErrConfig)
	}
	return address{tonAlphanumeric, npiUnknown, from}, nil
}
