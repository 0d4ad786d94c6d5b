package submission

import (
	"mime"
	netmail "net/mail"
	"strings"

	"github.com/emersion/go-message/charset"
	"github.com/emersion/go-message/textproto"

	"github.com/bode-erds/bode/delivery"
)

// prefix begins the fields that are ours.
const prefix = "X-Bode-"

// checkFields refuses what is unknown, hidden, or there twice: which of two
// counts is not for us to choose. RFC 5322 §3.6
func checkFields(h textproto.Header) error {
	seen := map[string]bool{}
	for f := h.Fields(); f.Next(); {
		switch name := f.Key(); name {
		case "Bcc", "Resent-Bcc":
			return refusal("bcc_not_allowed")
		case "Subject", "From", "To", "Cc", "Date", "Message-Id",
			"Mime-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition":
			if seen[name] {
				return refusal("duplicate_header", name)
			}
			seen[name] = true
		case fieldRecipient:
		default:
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if !single(name) {
				return refusal("unknown_header", name)
			}
			if seen[name] {
				return refusal("duplicate_header", name)
			}
			seen[name] = true
		}
	}
	return nil
}

// submission is what the header says of the message, and its Message-ID.
func (m *mail) submission(h textproto.Header, language string) (delivery.Submission, string, error) {
	if err := checkFields(h); err != nil {
		return delivery.Submission{}, "", err
	}
	id := strings.TrimSpace(h.Get("Message-Id"))
	if len(id) < 3 || id[0] != '<' || id[len(id)-1] != '>' || strings.ContainsAny(id, " \t\r\n") {
		return delivery.Submission{}, "", refusal("message_id_required")
	}
	sub := delivery.Submission{Language: language, Policy: m.s.Deliveries.DefaultPolicy()}
	for name, to := range map[string]*string{"Subject": &sub.Subject, fieldReference: &sub.Reference, fieldCostCentre: &sub.CostCentre, fieldLanguage: &sub.Language} {
		if !h.Has(name) {
			continue
		}
		text, err := words().DecodeHeader(unfold(h.Get(name)))
		if err != nil {
			return delivery.Submission{}, "", refusal("malformed_header", name)
		}
		*to = strings.TrimSpace(text)
	}
	var faults delivery.FieldErrors
	if m.dry, faults = options(h, &sub.Policy); len(faults) > 0 {
		return delivery.Submission{}, "", faults
	}
	var err error
	sub.Recipients, err = m.recipients(h, sub.Language)
	return sub, id, err
}

// recipients are those of RCPT, in that order, with what the header says of
// them. One of whom it says nothing is left to the checks of a submission.
func (m *mail) recipients(h textproto.Header, language string) ([]delivery.Recipient, error) {
	same := m.s.suffix.same
	named, err := addressees(h, same)
	if err != nil {
		return nil, err
	}
	told := map[string]delivery.Recipient{}
	for _, v := range h.Values(fieldRecipient) {
		text, err := words().DecodeHeader(unfold(v))
		if err != nil {
			return nil, refusal("malformed_header", fieldRecipient)
		}
		r, err := parseRecipient(text)
		if err != nil {
			return nil, err
		}
		at := same(r.Email)
		if _, twice := told[at]; twice {
			return nil, refusal("recipient_described_twice", r.Email)
		}
		if _, ok := named[at]; !ok {
			return nil, refusal("recipient_not_in_to_or_cc", r.Email)
		}
		told[at] = r
	}
	list := make([]delivery.Recipient, len(m.to))
	for i, a := range m.to {
		at := same(a)
		name, ok := named[at]
		if !ok {
			return nil, refusal("rcpt_not_in_to_or_cc", a)
		}
		r := told[at]
		r.Email = a
		if r.Given == "" && r.Family == "" {
			r.Given, r.Family = splitName(name)
		}
		if r.Language == "" {
			r.Language = language
		}
		list[i] = r
	}
	return list, nil
}

// addressees are the addresses in To and Cc, as same has them, with their names.
func addressees(h textproto.Header, same func(string) string) (map[string]string, error) {
	parser := netmail.AddressParser{WordDecoder: words()}
	named := map[string]string{}
	for _, field := range []string{"To", "Cc"} {
		v := unfold(h.Get(field))
		if strings.TrimSpace(v) == "" {
			continue
		}
		list, err := parser.ParseList(v)
		if err != nil {
			return nil, refusal("malformed_header", field)
		}
		for _, a := range list {
			if at := same(a.Address); named[at] == "" {
				named[at] = a.Name
			}
		}
	}
	return named, nil
}

// splitName takes a display name apart: at its comma, or after its first word.
func splitName(s string) (given, family string) {
	if family, given, ok := strings.Cut(s, ","); ok {
		return strings.TrimSpace(given), strings.TrimSpace(family)
	}
	given, family, _ = strings.Cut(strings.TrimSpace(s), " ")
	return given, strings.TrimSpace(family)
}

func words() *mime.WordDecoder { return &mime.WordDecoder{CharsetReader: charset.Reader} }

// unfold undoes folding (RFC 5322 §2.2.3).
func unfold(s string) string { return strings.NewReplacer("\r\n", "", "\n", "").Replace(s) }
