package submission

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// Answers that need no facts.
var (
	errClosing   = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "closing_connection"}
	errAddress   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "malformed_address"}
	errNobody    = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no_recipient_here"}
	errFull      = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "insufficient_storage"}
	errChecked   = &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "checked, nothing registered"}
	errInternal  = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "internal_error"}
	errBusy      = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "busy"}
	errCut       = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "transfer_interrupted"}
	errReused    = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "message_id_reused"}
	errRevoked   = &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "key_revoked"}
	errMIME      = refusal("malformed_mime")
	errMalware   = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "malware"}
	errUnscanned = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "not_scanned"}
	errDocument  = &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "document_too_large"}
)

// refusal is a 554 with a stable word and the place, if it has one.
func refusal(word string, place ...string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0},
		Message: printable(strings.Join(append([]string{word}, place...), " "))}
}

// registered is the answer to a mail that is durable.
func registered(m delivery.Message, digest string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0},
		Message: "registered as " + m.Number + " sha256=" + digest}
}

// answer is the one exit for errors. What nobody foresaw is temporary and has
// an incident number; its text goes to the log only.
func (s *Server) answer(ctx context.Context, err error) *smtp.SMTPError {
	var ready *smtp.SMTPError
	var fields delivery.FieldErrors
	var short delivery.InsufficientCredit
	var bad *framingError
	var broken *streamError
	switch {
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &fields):
		return invalid(fields)
	case errors.As(err, &bad):
		return refusal(bad.word)
	case errors.Is(err, delivery.ErrKeyReused):
		return errReused
	case errors.As(err, &short):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 0},
			Message: fmt.Sprintf("insufficient_credit, %d cents needed, %d there", short.Needed, short.Available)}
	case errors.Is(err, delivery.ErrBusy):
		return errBusy
	case errors.Is(err, delivery.ErrMalware):
		return errMalware
	case errors.Is(err, delivery.ErrUnscanned):
		s.Log.ErrorContext(ctx, "smtp: nobody looks for malware", "err", err)
		return errUnscanned
	case errors.Is(err, delivery.ErrTooLarge):
		return errDocument
	case errors.Is(err, identity.ErrKey):
		return errRevoked
	case full(err):
		s.Log.ErrorContext(ctx, "smtp: no room", "err", err)
		return errFull
	case errors.Is(err, smtp.ErrTooLongLine):
		return refusal("line_too_long")
	case errors.As(err, &broken):
		s.Log.InfoContext(ctx, "smtp: transfer interrupted", "err", err)
		return errCut
	}
	incident := rand.Text()[:12]
	s.Log.ErrorContext(ctx, "smtp incident", "incident", incident, "err", err)
	return &smtp.SMTPError{Code: errInternal.Code, EnhancedCode: errInternal.EnhancedCode, Message: errInternal.Message + " " + incident}
}

// full reports that a disk, ours or the database's, has no room.
func full(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || ok && refused.Code == "53100"
}

// invalid lists as many faults as a reply line holds.
func invalid(fields delivery.FieldErrors) *smtp.SMTPError {
	var b strings.Builder
	b.WriteString("invalid")
	for i, f := range fields {
		item := " " + strings.TrimPrefix(f.Pointer, "/") + " " + f.Code
		for _, k := range slices.Sorted(maps.Keys(f.Args)) {
			item += " " + k + "=" + strings.ReplaceAll(f.Args[k], " ", "")
		}
		more := fmt.Sprintf("; +%d", len(fields)-i)
		if b.Len()+len(item)+1+len(more) > maxReply {
			b.WriteString(more)
			break
		}
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(item)
	}
	return refusal(b.String())
}

// printable makes s fit for one reply line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxReply)]
}
