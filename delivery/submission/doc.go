// Package submission is the SMTP face: a program that can send mail can submit
// a registered message. It speaks RFC 6409 with STARTTLS or TLS from the start.
//
// The password is an API key; it decides the account and whether this is a
// test. The user name is not looked at. Every address in RCPT becomes a
// recipient and must stand in To or Cc; a Bcc field is refused, because a
// registered message has no hidden recipients. What a mail has no place for
// comes in header fields:
//
//	From: Immo Zilverlinde <post@zilverlinde.example>
//	To: An Janssens <an@example.be>, zoe@example.be
//	Subject: Opzegging huurovereenkomst
//	Message-ID: <2026-0117@zilverlinde.example>
//	X-Bode-Recipient: an@example.be; mobile=+32470000001; language=nl;
//	 address="Kerkstraat 1; bus 2"; postcode=2000; city=Antwerpen; country=BE
//	X-Bode-Recipient: zoe@example.be; given=Zoé; family="Van den Berghe";
//	 mobile=+32470000002; language=fr; birth-date=1980-02-29
//	X-Bode-Reference: dossier 12/345
//	X-Bode-Cost-Centre: legal
//	X-Bode-Language: nl
//	X-Bode-Collect-Days: 20
//	X-Bode-Fallback: none
//
// Behind the domain of a recipient, in RCPT as in the header, Config.Suffix may
// stand: an@example.be.r.bode.example is an@example.be. So a mail server sends
// what is to be registered to us by a rule for one domain.
//
// X-Bode-Recipient is the address, then key=value pairs: given, family, mobile,
// language, birth-date, national-number, address (one for each line, at most
// three), postcode, city, country, and for a company organisation, its name, and
// enterprise-number. A value with a semicolon or a quotation mark
// stands in quotation marks, with a backslash before each quotation mark and
// backslash inside. Encoded words (RFC 2047) and UTF-8 are both read. Without
// given and family the display name in To or Cc counts: "Family, Given", or the
// first word as the given name. X-Bode-Language holds for whoever has no
// language of their own, and else the language of the account does.
//
// How to deliver is said by X-Bode-Collect-Days, -Retention-Months (numbers),
// -Fallback (post, none), -Post-At-Once, -Reminders, -Receipts (yes, no), -Level
// (substantial, high), -Methods (names with commas between), -Class, -Serve-By
// (YYYY-MM-DD) and -Term-Rule. X-Bode-Dry-Run: yes has the mail checked and
// answered with "checked, nothing registered": nothing is kept of it. An X-Bode
// field that is not named here is refused, so that a typing error is not lost.
//
// The text/plain part is the message; every attachment is a document. An HTML
// version beside a text is left out, HTML alone is refused.
//
// The answer to the content is 250 only once everything is durable:
//
//	250 2.0.0 registered as 7K2M-9QXD-T4HB sha256=…
//
// The digest is that of the mail as it arrived, without its Received fields.
// Whoever sees no answer sends the same mail again and gets the same number: a
// mail is known by its Message-ID, its recipients and the kind of key, for as
// long as idempotency keys are kept. The same with other content is refused.
// A refusal has a stable word after its codes, or the faulty fields as
// "recipients/0/mobile mobile", recipients counted in the order of RCPT.
//
// Sources: RFC 5321, RFC 6409, RFC 4954, RFC 7628, RFC 6531, RFC 3207, RFC 3463, RFC 5322, RFC 2045
// to 2047, EN 319 522-1 §6.2.1.
package submission
