package evidence

import "time"

// parties returns every party of e that is set.
func (e *Event) parties() []*Party {
	p := []*Party{&e.Sender, &e.Recipient}
	if e.SentBy != nil {
		p = append(p, e.SentBy)
	}
	if e.ReceivedBy != nil {
		p = append(p, e.ReceivedBy)
	}
	return p
}

// times returns every instant of e but At.
func (e *Event) times() []*time.Time {
	t := []*time.Time{&e.Submitted}
	for _, p := range e.parties() {
		if p.Proof != nil {
			t = append(t, &p.Proof.At)
		}
		if p.Mandate != nil {
			t = append(t, &p.Mandate.At)
		}
	}
	return t
}

// utc returns e with its instants in the UTC location proper, as the decoder
// may leave an equal but differently named one.
func (e Event) utc() Event {
	e.At = e.At.UTC()
	for _, t := range e.times() {
		*t = t.UTC()
	}
	return e
}

// texts returns every string that ends up in a document.
func (e *Event) texts() []string {
	s := []string{e.ID, e.Delivery, e.Message, e.Number, e.Reference, e.Subject, e.External, e.Language}
	for _, p := range e.parties() {
		s = append(s, string(p.Kind), p.Name, p.Given, p.Family, p.Identifier.Scheme, p.Identifier.Value, p.Email, p.Mobile)
		s = append(s, p.Address...)
		if r := p.Proof; r != nil {
			s = append(s, r.Given, r.Family, r.Method, r.Provider, r.Level, r.Record)
		}
		if m := p.Mandate; m != nil {
			s = append(s, m.ID, m.Given, m.Record)
		}
	}
	for _, p := range e.Parts {
		s = append(s, p.Name, p.MediaType, p.SHA256)
	}
	for _, r := range e.Reasons {
		s = append(s, r.Code, r.Text)
	}
	for _, d := range e.Details {
		s = append(s, d.Key, d.Value)
	}
	return s
}

// maxTexts bounds the texts of an event, in octets: written twice and escaped,
// they are within maxXML and maxTags.
const maxTexts = 256 << 10

// size is the length of all texts of e, with an allowance for what each of them
// is wrapped in.
func (e *Event) size() (n int) {
	for _, s := range e.texts() {
		n += len(s) + 16
	}
	return n
}
