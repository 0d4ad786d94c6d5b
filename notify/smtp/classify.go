package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/notify"
)

// stage is how far the dialogue came.
type stage int

const (
	stageConnect   stage = iota // dialling, TLS, greeting, EHLO, AUTH, MAIL: nothing about the recipient yet
	stageRecipient              // RCPT: the reply is about the address
	stageContent                // DATA until the final dot
	stageFinal                  // the final dot was sent: the peer may have it
)

// classify says what an error means for the notice. Replies of RFC 5321 §4.2.1
// are read by their enhanced code (RFC 3463) where there is one.
func classify(s stage, err error) notify.Result {
	var reply *gosmtp.SMTPError
	if errors.As(err, &reply) {
		return notify.Result{Outcome: classifyReply(s, reply), Reply: verbatim(reply)}
	}
	switch {
	case s == stageFinal: // no answer: perhaps the peer has the mail
		return notify.Result{Outcome: notify.Technical, InDoubt: true}
	case errors.Is(err, errAddress):
		return notify.Result{Outcome: notify.Permanent}
	case untrusted(err), errors.Is(err, errUnoffered):
		return notify.Result{Outcome: notify.Technical}
	}
	return notify.Result{Outcome: notify.Temporary} // network: the line went dead before the mail was complete
}

func classifyReply(s stage, r *gosmtp.SMTPError) notify.Outcome {
	class, subject, detail := r.EnhancedCode[0], r.EnhancedCode[1], r.EnhancedCode[2]
	enhanced := class == 4 || class == 5
	switch {
	case r.Code/100 == 4:
		return notify.Temporary
	case r.Code/100 != 5: // not a reply we asked for
		return notify.Technical
	case s == stageConnect: // our sign-in, our sender, our manners
		return notify.Technical
	case enhanced && class == 4: // contradicts its own reply code: be patient
		return notify.Temporary
	case enhanced && subject == 2 && detail == 2: // mailbox full: it may be emptied
		return notify.Temporary
	case enhanced && subject == 1 && (detail == 7 || detail == 8): // about the sender's address
		return notify.Technical
	case enhanced && (subject == 1 || subject == 2): // address or mailbox
		return notify.Permanent
	case enhanced && subject == 4 && (detail == 4 || detail == 1): // the domain cannot be routed
		return notify.Permanent
	case enhanced && subject == 6 && detail == 7: // non-ASCII address that a hop cannot carry
		return notify.Permanent
	case enhanced && subject != 0: // policy, content, protocol, system: our fault or theirs, not the address
		return notify.Technical
	case s == stageRecipient && (r.Code == 550 || r.Code == 551 || r.Code == 553 || r.Code == 556):
		return notify.Permanent
	case s == stageRecipient && r.Code == 552: // storage
		return notify.Temporary
	}
	return notify.Technical
}

// verbatim is the reply as the peer wrote it, its lines joined.
func verbatim(r *gosmtp.SMTPError) string {
	code := ""
	if c := r.EnhancedCode; c[0] > 0 {
		code = fmt.Sprintf(" %d.%d.%d", c[0], c[1], c[2])
	}
	return fmt.Sprintf("%d%s %s", r.Code, code, strings.TrimSpace(r.Message))
}

// untrusted reports whether the peer could not prove who it is, or does not
// speak TLS: no retry mends that, and nothing may be sent in clear.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &record)
}

// because names the reason of a failure without a reply.
func because(ctx context.Context, err error) string {
	if cause := ctx.Err(); cause != nil {
		err = cause
	}
	return unsaid(err.Error())
}

// unsaid marks words that are ours: a Reply is otherwise the peer's.
func unsaid(reason string) string { return "(no reply) " + reason }
