package evidence

import (
	"encoding/hex"
	"strconv"
)

// writeExtensions writes what ETSI's components have no place for, in our own
// namespace and never critical: a reader that does not know it loses nothing
// the standard asks for. With the components it says everything the event says,
// so that [ReadXML] can give the event back. EN 319 522-3 §5.2.2.27
func writeExtensions(w *Canonical, d Document) {
	e := d.Event
	w.Open("e:Extensions")
	w.Open("e:Extension", Attr{"isCritical", "false"})
	w.Open("b:Facts")
	w.Leaf("b:Claim", string(d.Claim()))
	writeService(w, d.Issuer)
	w.Leaf("b:Delivery", "urn:uuid:"+e.Delivery)
	optional(w, "b:Number", e.Number)
	optional(w, "b:Reference", e.Reference)
	optional(w, "b:Subject", e.Subject)
	w.Leaf("b:Language", e.Language)
	writeOwnParty(w, "sender", e.Sender)
	if e.SentBy != nil {
		writeOwnParty(w, "sent_by", *e.SentBy)
	}
	writeOwnParty(w, "recipient", e.Recipient)
	if e.ReceivedBy != nil {
		writeOwnParty(w, "received_by", *e.ReceivedBy)
	}
	for i, p := range e.Parts {
		w.Leaf("b:PartSize", strconv.FormatInt(p.Size, 10), Attr{"part", strconv.Itoa(i + 1)})
	}
	for _, r := range e.Reasons {
		w.Leaf("b:Reason", r.Text, Attr{"code", r.Code})
	}
	for _, f := range e.Details {
		w.Leaf("b:Detail", f.Value, Attr{"key", f.Key})
	}
	w.Leaf("b:Nonce", hex.EncodeToString(d.Nonce[:]))
	w.Close("b:Facts")
	w.Close("e:Extension")
	w.Close("e:Extensions")
}

// writeService names the service, and what makes it qualified only when it is.
func writeService(w *Canonical, i Issuer) {
	w.Leaf("b:Service", i.ServiceName)
	optional(w, "b:VerifyAt", i.VerifyURL)
	w.Leaf("b:Issuer", i.Identifier.Value, Attr{"scheme", i.Identifier.Scheme}, Attr{"country", i.Country})
	if i.Qualified {
		w.Leaf("b:TrustedListEntry", i.TrustedListEntry)
		w.Leaf("b:QualifiedSeal", i.QualifiedSeal)
		w.Leaf("b:QualifiedTimeStamp", i.QualifiedTimeStamp)
	}
}

// writeOwnParty writes what was declared about a party, and of its
// identification and its mandate what ETSI has no place for.
func writeOwnParty(w *Canonical, role string, p Party) {
	w.Open("b:Party", Attr{"kind", string(p.Kind)}, Attr{"role", role})
	w.Open("b:Declared")
	if p.Identifier != (Identifier{}) {
		w.Leaf("b:Identifier", p.Identifier.Value, Attr{"scheme", p.Identifier.Scheme})
	}
	optional(w, "b:Name", p.Name)
	optional(w, "b:Given", p.Given)
	optional(w, "b:Family", p.Family)
	optional(w, "b:Email", p.Email)
	optional(w, "b:Mobile", p.Mobile)
	for _, line := range p.Address {
		w.Leaf("b:AddressLine", line)
	}
	w.Close("b:Declared")
	if r := p.Proof; r != nil {
		w.Open("b:Identified", Attr{"method", r.Method}, Attr{"level", r.Level}, Attr{"at", formatTime(r.At)})
		optional(w, "b:Given", r.Given)
		optional(w, "b:Family", r.Family)
		optional(w, "b:Provider", r.Provider)
		optional(w, "b:Record", r.Record)
		w.Close("b:Identified")
	}
	if m := p.Mandate; m != nil {
		w.Leaf("b:Mandate", m.Record, Attr{"id", m.ID}, Attr{"given", m.Given}, Attr{"at", formatTime(m.At)})
	}
	w.Close("b:Party")
}

func optional(w *Canonical, name, text string) {
	if text != "" {
		w.Leaf(name, text)
	}
}
