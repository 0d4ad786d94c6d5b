package pades

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// sheets, when set, is a directory that gets the sample documents to look at:
// go test -run TestSheets -sheets DIR
var sheets = flag.String("sheets", "", "write sample documents to this directory")

func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// sample is an acceptance with a short history, in a language.
func sample(lang string, change ...func(*evidence.Document)) evidence.Document {
	at := time.Date(2026, 12, 1, 13, 5, 9, 123456000, time.UTC)
	base := evidence.Event{
		Delivery: "019a9f10-7a2e-7c11-9d3c-5b1f0c9e4a77", Message: "019a9f10-7a2d-7b02-8e55-0d6c2f6a1b90",
		Number: "BE-2026-4821-7730", Reference: "DOS-2026/118", Subject: "Opzegging huurovereenkomst Lange Nieuwstraat 12",
		Submitted: at.Add(-26 * time.Hour), Language: lang,
		Sender: evidence.Party{Kind: evidence.LegalPerson, Name: "Immo Schelde NV", Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0123456749"},
			Email: "contracten@immoschelde.example", Address: []string{"Lange Nieuwstraat 12", "2000 Antwerpen", "België"}},
		SentBy: &evidence.Party{Kind: evidence.NaturalPerson, Given: "Els", Family: "Peeters",
			Proof: &evidence.Proof{Given: "Els", Family: "Peeters", Method: "itsme", Provider: "idp.itsme.example", Level: "http://eidas.europa.eu/LoA/high", At: at.Add(-27 * time.Hour), Record: "019a9f10-1111-7c11-9d3c-5b1f0c9e4a77"}},
		Recipient: evidence.Party{Kind: evidence.NaturalPerson, Given: "An", Family: "Janssens-Müller", Email: "an.janssens@post.example", Mobile: "+32470123456",
			Address: []string{"Kerkstraat 5 bus 2", "9000 Gent", "België"}},
		Parts: []evidence.Part{
			{Name: "message.txt", MediaType: "text/plain", Size: 1204, SHA256: digest("a")},
			{Name: "opzeggingsbrief.pdf", MediaType: "application/pdf", Size: 482133, SHA256: digest("b")},
		},
	}
	event := func(seq int, n evidence.Name, ago time.Duration, details ...evidence.Detail) evidence.Event {
		e := base
		e.ID, e.Seq, e.Name, e.At, e.Details = fmt.Sprintf("019a9f10-7a2e-7c11-9d3c-%012d", seq), seq, n, at.Add(-ago), details
		return e
	}
	notice := func(channel, to string) []evidence.Detail {
		return []evidence.Detail{{Key: "notice", Value: "announcement"}, {Key: "channel", Value: channel}, {Key: "address", Value: to}, {Key: "attempt", Value: "1"}, {Key: "result", Value: "sent"}, {Key: "reply", Value: "250 2.0.0 Ok: queued"}}
	}
	proven := base.Recipient
	proven.Proof = &evidence.Proof{Given: "An Maria", Family: "Janssens-Müller", Method: "eid", Provider: "Belgian eID", Level: "http://eidas.europa.eu/LoA/high", At: at.Add(-time.Minute), Record: "019a9f10-2222-7c11-9d3c-5b1f0c9e4a77"}
	d := evidence.Document{
		History: []evidence.Event{
			event(1, evidence.SubmissionAcceptance, 26*time.Hour),
			event(2, evidence.NotificationForAcceptance, 26*time.Hour-4*time.Second, notice("email", "an.janssens@post.example")...),
			event(3, evidence.NotificationForAcceptance, 26*time.Hour-6*time.Second, notice("sms", "+32470123456")...),
			event(4, evidence.NotificationAccessTracking, 10*time.Minute),
			event(5, evidence.RecipientIdentification, time.Minute, evidence.Detail{Key: "identification", Value: "matched"}, evidence.Detail{Key: "matched_by", Value: "name"}),
		},
		Event: event(6, evidence.ConsignmentAcceptance, 0, evidence.Detail{Key: "ip", Value: "192.0.2.17"}, evidence.Detail{Key: "user_agent", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}),
		Issuer: evidence.Issuer{Name: "Voorbeeld Bezorging NV", Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0987654394"}, Country: "BE",
			PolicyOIDs: []string{"1.3.6.1.4.1.99999.1.1"}, ServiceName: "Bode", VerifyURL: "https://bode.example/verify"},
	}
	d.Event.Recipient = proven
	d.Event.Prev = digest("prev")
	d.Hash = digest("hash")
	for _, f := range change {
		f(&d)
	}
	return d
}

// crowded makes d as full as a document gets: names that do not fit a line,
// forty attachments, sixty events, characters no font of ours has.
func crowded(d *evidence.Document) {
	d.Event.Subject = strings.Repeat("Ingebrekestelling en aanmaning tot betaling van de facturen ", 5) + "契約解除 \u202Efdp.exe 🚀"
	d.Event.Sender.Name = strings.TrimSpace(strings.Repeat("Vereniging van Mede-eigenaars Residentie De Lange Naam ", 4))
	d.Event.Recipient.Family = "Janssens-" + strings.Repeat("Vandenbroucke", 9)
	for i := len(d.Event.Parts); i < 40; i++ {
		d.Event.Parts = append(d.Event.Parts, evidence.Part{Name: fmt.Sprintf("%02d-%s.pdf", i, strings.Repeat("bijlage_met_een_lange_naam_", 1+i%4)),
			MediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Size: int64(i) * 1234567, SHA256: digest(fmt.Sprint(i))})
	}
	for i := 6; i < 60; i++ {
		e := d.History[1]
		e.Seq, e.Name = i, evidence.NotificationForAcceptanceFailure
		e.Reasons = []evidence.Reason{{Code: "address_unreachable", Text: "451 4.4.1 no answer"}}
		d.History = append(d.History, e)
	}
	d.Event.Seq = 60
}

func test(d *evidence.Document) { d.Event.Test = true }

func relayed(d *evidence.Document) {
	d.Event.Name, d.Event.External = evidence.PostalItemReturned, "bpost 323212345600000012030"
	d.Event.Recipient.Proof = nil
	d.Event.Reasons = []evidence.Reason{{Code: "gave_up", Text: "RTS-04"}}
	d.Event.Details = []evidence.Detail{{Key: "operator", Value: "bpost"}, {Key: "item", Value: "323212345600000012030"}, {Key: "reported_at", Value: "2026-12-01T10:00:00Z"}}
	h := &d.History[4]
	h.Name, h.External, h.Details = evidence.RelayToNonERDS, "Drukpartner 4711", nil
}

// sourceXML has what a signed XML says of its seal, in the places where
// XAdES puts it. EN 319 132-1 §5.3
func sourceXML(t testing.TB, a *evidencetest.Authority) []byte {
	t.Helper()
	token, err := a.Stamper().Stamp(context.Background(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `<e:Evidence xmlns:e="urn:x"><Signature><X509Certificate>%s</X509Certificate><EncapsulatedTimeStamp>%s</EncapsulatedTimeStamp></Signature></e:Evidence>`,
		b64(a.SealKey().Certificates()[0].Raw), b64(token))
}

func TestSheets(t *testing.T) {
	t.Parallel()
	if *sheets == "" {
		t.Skip("only with -sheets DIR: writes documents for people to look at")
	}
	a := authority(t, "")
	if err := a.WritePEM(*sheets); err != nil {
		t.Fatal(err)
	}
	each := evidence.Attached{XML: sourceXML(t, a), Own: true, Beside: evidence.Beside{Proof: []byte(sampleProof)}}
	batch := besideSample()
	batch.XML = sourceXML(t, a)
	for name, d := range map[string]evidence.Document{
		"nl": sample("nl"), "fr": sample("fr"), "de": sample("de"), "en": sample("en", test), "en-batch": sample("en"),
		"nl-crowded": sample("nl", crowded, test), "fr-returned": sample("fr", relayed), "de-alphabets": sample("de", alphabets),
	} {
		in := each
		if strings.Contains(name, "batch") {
			in = batch
		}
		unsigned, err := Render(d, in)
		if err != nil {
			t.Fatal(err)
		}
		pdf, err := newSealer(t, a).SealPDF(context.Background(), d, in, signingTime)
		if err != nil {
			t.Fatal(err)
		}
		write(t, *sheets, name+".pdf", pdf)
		write(t, *sheets, name+"-unsigned.pdf", unsigned)
	}
}

// alphabets has names that Latin letters do not write.
func alphabets(d *evidence.Document) {
	d.Event.Sender.Name = "Ελληνική Εταιρεία Ακινήτων Α.Ε."
	d.Event.Recipient.Given, d.Event.Recipient.Family = "Олександра", "Шевченко-Łukasiewicz"
	d.Event.Recipient.Proof.Given, d.Event.Recipient.Proof.Family = "Oleksandra 亜希子", "Şevçenko-Łukasiewicz"
	d.Event.Subject = "Договір № 17 – Σύμβαση – 契約書 – عقد"
	d.Event.Parts[1].Name = "Договір.pdf"
}
