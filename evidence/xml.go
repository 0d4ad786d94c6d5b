package evidence

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"time"
)

// Fixed values of the format.
const (
	formatVersion = "EN319522v1.1.1" // EN 319 522-3 §5.2.2.3; also in documents after V1.2.1
	algSHA256     = "http://www.w3.org/2001/04/xmlenc#sha256"
	timeFormat    = "2006-01-02T15:04:05.000000Z"
	ownMethod     = "urn:bode-erds:authentication:"
	noLevel       = "urn:bode-erds:assurance:none"
)

// buildXML writes the evidence of d. The order of elements, and which of them
// are in the namespace, is the schema's: elements declared globally are
// prefixed, local ones are in no namespace. EN 319 522-3 §5.2
func buildXML(d Document) []byte {
	e := d.Event
	w := new(Canonical)
	w.Open("e:Evidence", Attr{"Id", "ev-" + e.ID}, Attr{"version", formatVersion})
	w.Leaf("e:EvidenceIdentifier", "urn:uuid:"+e.ID)
	w.Leaf("e:ERDSEventId", e.Name.URI())
	writeReasons(w, e)
	w.Leaf("EventTime", formatTime(e.At))
	writeIssuer(w, d.Issuer)
	writeUser(w, "e:SenderDetails", e.Sender, true)
	if e.SentBy != nil {
		writeUser(w, "e:SenderDelegateDetails", *e.SentBy, true)
	}
	writeUser(w, "e:RecipientDetails", e.Recipient, false)
	if e.ReceivedBy != nil {
		w.Open("e:RecipientsDelegateDetails")
		writeUserContent(w, *e.ReceivedBy, false)
		w.Leaf("DelegatingRecipients", "1")
		w.Close("e:RecipientsDelegateDetails")
	}
	if !e.Submitted.IsZero() {
		w.Leaf("e:SubmissionTime", formatTime(e.Submitted))
	}
	if e.Name.may("I09") {
		w.Leaf("EvidenceRefersToRecipient", "1")
	}
	if e.Message != "" {
		w.Leaf("e:MessageIdentifier", "urn:uuid:"+e.Message)
	}
	writeParts(w, e)
	if e.External != "" {
		w.Leaf("ForwardedToExternalSystem", e.External)
	}
	w.Open("e:TransactionLogInformation")
	w.Leaf("e:TransactionLog", transactionLog(e.Seq, e.Prev, d.Hash))
	w.Close("e:TransactionLogInformation")
	writeExtensions(w, d)
	w.Close("e:Evidence")
	return w.Bytes()
}

// transactionLog points to the event's place in the hash chain. G06
func transactionLog(seq int, prev, hash string) string {
	return "seq=" + strconv.Itoa(seq) + ";prev=sha256:" + prev + ";hash=sha256:" + hash
}

func writeReasons(w *Canonical, e Event) {
	if len(e.Reasons) == 0 {
		return
	}
	w.Open("e:EventReasons")
	for _, r := range e.Reasons {
		w.Open("e:EventReason")
		w.Leaf("Code", ReasonURI(r.Code))
		if r.Text != "" {
			w.Leaf("Details", r.Text)
		}
		w.Close("e:EventReason")
	}
	w.Close("e:EventReasons")
}

func writeIssuer(w *Canonical, i Issuer) {
	w.Open("e:EvidenceIssuerPolicyID")
	for _, oid := range i.PolicyOIDs {
		w.Leaf("PolicyID", "urn:oid:"+oid) // RFC 3061
	}
	w.Close("e:EvidenceIssuerPolicyID")
	w.Open("e:EvidenceIssuerDetails")
	w.Open("e:Identity")
	writeAttribute(w, legalName, i.Name)
	writeAttribute(w, legalIdentifier, i.Identifier.Scheme+":"+i.Identifier.Value)
	writeAttribute(w, legalAddress, i.Country)
	w.Close("e:Identity")
	w.Close("e:EvidenceIssuerDetails")
}

func writeParts(w *Canonical, e Event) {
	if len(e.Parts) == 0 {
		return
	}
	w.Open("e:UserContentInfo")
	w.Leaf("ComposingParts", strconv.Itoa(len(e.Parts)))
	w.Open("e:PartsInfo")
	for _, p := range e.Parts {
		w.Open("e:PartInfo")
		w.Leaf("Identifier", p.Name)
		w.Leaf("ContentType", p.MediaType)
		w.Leaf("ds:DigestMethod", "", Attr{"Algorithm", algSHA256})
		w.Leaf("ds:DigestValue", base64OfHex(p.SHA256))
		w.Close("e:PartInfo")
	}
	w.Close("e:PartsInfo")
	w.Close("e:UserContentInfo")
}

// base64OfHex turns a digest that lint found well-formed.
func base64OfHex(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("evidence: digest was not linted: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(b)
}

// formatTime is the one way a time is written.
func formatTime(t time.Time) string { return t.Format(timeFormat) }
