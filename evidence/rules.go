package evidence

import (
	"slices"
	"strings"
)

// rule is one row of what evidence must say.
type rule struct {
	source, clause string
	what           string
	applies        func(Event) bool
	holds          func(Event, Issuer) bool
}

// rules says what the matrix cannot: what a component must look like, what the
// implementing regulation adds, and what we add ourselves. EN 319 522-2 §8
func rules() []rule {
	return slices.Concat(componentRules(), identityRules(), ownRules())
}

func always(Event) bool { return true }

func on(names ...Name) func(Event) bool {
	return func(e Event) bool { return slices.Contains(names, e.Name) }
}

func except(names ...Name) func(Event) bool {
	return func(e Event) bool { return !slices.Contains(names, e.Name) }
}

func componentRules() []rule {
	const src = "en319522"
	return []rule{
		{src, "EN 319 522-2 §8.3.3", "a reason code that the register does not have", always,
			func(e Event, _ Issuer) bool {
				return !slices.ContainsFunc(e.Reasons, func(r Reason) bool { return ReasonURI(r.Code) == "" })
			}},
		{src, "EN 319 522-2 §8.2 M01", "the message identifier is not a UUID", always,
			func(e Event, _ Issuer) bool { return e.Message == "" || isUUID(e.Message) }},
		{src, "EN 319 522-2 §8.2 M02", "a part without name, media type, size or digest", always,
			func(e Event, _ Issuer) bool { return !slices.ContainsFunc(e.Parts, badPart) }},
		{src, "EN 319 522-2 §8.2.25 M03", "the event is earlier than the submission", always,
			func(e Event, _ Issuer) bool { return e.Submitted.IsZero() || !e.At.Before(e.Submitted) }},
	}
}

func badPart(p Part) bool {
	return p.Name == "" || !strings.Contains(p.MediaType, "/") || p.Size < 0 || !isSHA256(p.SHA256)
}

// identified lists the events that only an identified recipient, or who acts for
// one, can cause.
func identified() func(Event) bool {
	return on(ConsignmentAcceptance, ConsignmentRejection, ContentConsignment, ContentAccessTracking, ContentHandover,
		DelegateNamed, DelegateWithdrawn)
}

func identityRules() []rule {
	const src = "en319522"
	return []rule{
		{src, "EN 319 522-2 §8.2 I03", "somebody acted for the sender but has no name", always,
			func(e Event, _ Issuer) bool { return e.SentBy == nil || named(*e.SentBy) }},
		{src, "EN 319 522-2 §8.2 I08", "somebody acted for the recipient but has no name", always,
			func(e Event, _ Issuer) bool { return e.ReceivedBy == nil || named(*e.ReceivedBy) }},
		{src, "EN 319 522-2 §8.2 I12", "an identification without names, method or time", always,
			func(e Event, _ Issuer) bool {
				return !slices.ContainsFunc(e.parties(), func(p *Party) bool { return p.Proof != nil && !proven(*p) })
			}},
		{"policy", "mandate", "a mandate without id, way or time, or of a party that acts for nobody", always,
			func(e Event, _ Issuer) bool {
				return e.Sender.Mandate == nil && e.Recipient.Mandate == nil &&
					!slices.ContainsFunc(e.parties(), func(p *Party) bool { return p.Mandate != nil && !mandated(*p.Mandate) })
			}},
		{"cir", "CIR (EU) 2025/1944 annex REQ-QERDS-5.2.1", "the recipient was identified after the event", identified(),
			func(e Event, _ Issuer) bool { p := e.recipientProof(); return p == nil || !p.At.After(e.At) }},
		{"cir", "CIR (EU) 2025/1944 annex REQ-QERDS-5.2.1", "a qualified service needs assurance substantial or high",
			identified(), func(e Event, i Issuer) bool {
				p := e.recipientProof()
				return p == nil || i.Claim(e) != ClaimQualified || strings.HasSuffix(p.Level, "/LoA/substantial") ||
					strings.HasSuffix(p.Level, "/LoA/high")
			}},
	}
}

// named reports whether p has a kind and the names of its kind.
func named(p Party) bool {
	switch p.Kind {
	case NaturalPerson:
		return p.Given != "" || p.Family != "" || p.Proof != nil && p.Proof.Family != ""
	case LegalPerson:
		return p.Name != ""
	}
	return false
}

func (p Party) reachable() bool {
	id := p.identifier()
	return id.Scheme != "" && id.Value != "" && (p.Kind == NaturalPerson || p.Kind == LegalPerson)
}

func proven(p Party) bool {
	r := p.Proof
	return r != nil && isMethod(r.Method) && !r.At.IsZero() &&
		(r.Family != "" || r.Given != "" || p.Name != "")
}

func mandated(m Mandate) bool { return m.ID != "" && isKey(m.Given) && !m.At.IsZero() }

// recipientProof is the identification of whoever received: the recipient, or
// who acted for it.
func (e Event) recipientProof() *Proof {
	if e.ReceivedBy != nil && e.ReceivedBy.Proof != nil {
		return e.ReceivedBy.Proof
	}
	return e.Recipient.Proof
}

func ownRules() []rule {
	const src = "policy"
	return []rule{
		{src, "size", "texts are longer than a document has room for", always,
			func(e Event, _ Issuer) bool { return e.size() <= maxTexts }},
		{src, "language", "the language is not nl, fr, de or en", always,
			func(e Event, _ Issuer) bool { return slices.Contains(Languages(), e.Language) }},
		{src, "number", "no message number for people", except(SubmissionRejection),
			func(e Event, _ Issuer) bool { return e.Number != "" }},
		{src, "details", "a detail whose key is not a key", always,
			func(e Event, _ Issuer) bool {
				return !slices.ContainsFunc(e.Details, func(d Detail) bool { return !isKey(d.Key) })
			}},
		// Law of 8 August 1983 on the national register, art. 8.
		{src, "national number", "an identifier is a national number", always,
			func(e Event, _ Issuer) bool {
				return !slices.ContainsFunc(e.parties(), func(p *Party) bool { return nationalScheme(p.Identifier.Scheme) })
			}},
		{src, "levels", "an assurance level that is not an eIDAS level", always,
			func(e Event, _ Issuer) bool {
				return !slices.ContainsFunc(e.parties(), func(p *Party) bool { return p.Proof != nil && !eidasLevel(p.Proof.Level) })
			}},
	}
}

// isKey knows names as translation files have them: "user_agent".
func isKey(s string) bool { return made(s, "_") }

// isMethod knows names as identity providers have them: "password+totp".
func isMethod(s string) bool { return made(s, "_+-") }

// made reports whether s begins with a small letter and goes on with small
// letters, digits and the others.
func made(s, others string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && strings.IndexByte(others, c) < 0) {
			return false
		}
	}
	return s != ""
}

func nationalScheme(s string) bool {
	return slices.Contains([]string{"BE:NRN", "BE:RRN", "BE:NN", "BE:BIS", "NRN", "RRN", "PNOBE"}, strings.ToUpper(s))
}

func eidasLevel(s string) bool {
	return slices.Contains([]string{"", "http://eidas.europa.eu/LoA/low", "http://eidas.europa.eu/LoA/substantial",
		"http://eidas.europa.eu/LoA/high"}, s)
}
