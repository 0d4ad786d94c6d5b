package submission

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// What went wrong, and whether the client is to try again: a 4 for everything
// that may be different later, a 5 for what the sender has to change.
// RFC 5321 §4.2.1, RFC 3463 §3
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := &Server{Config: Config{Log: slog.New(slog.DiscardHandler)}}
	for want, errs := range map[string][]error{
		"421 4.3.2 closing_connection":       {errClosing},
		"421 4.7.0 too_many_attempts":        {errTooMany},
		"451 4.3.0 internal_error":           {errors.New("database"), &pgconn.PgError{Code: "57P01"}, delivery.ErrClock, syscall.EIO},
		"451 4.4.2 transfer_interrupted":     {&streamError{errors.New("reset")}},
		"452 4.3.1 insufficient_storage":     {syscall.ENOSPC, fmt.Errorf("vault: %w", syscall.ENOSPC), syscall.EDQUOT, &pgconn.PgError{Code: "53100"}},
		"454 4.7.0 try_again_later":          {errLater},
		"530 5.7.0 authentication_required":  {errNoKey},
		"535 5.7.8 key_revoked":              {identity.ErrKey, fmt.Errorf("x: %w", identity.ErrKey)},
		"550 5.1.1 no_recipient_here":        {errNobody},
		"550 5.1.3 malformed_address":        {errAddress},
		"552 5.3.4 document_too_large":       {delivery.ErrTooLarge},
		"554 5.7.0 malware":                  {delivery.ErrMalware},
		"451 4.7.0 not_scanned":              {fmt.Errorf("%w: no connection", delivery.ErrUnscanned)},
		"554 5.6.0 message_id_reused":        {delivery.ErrKeyReused},
		"554 5.6.0 bare_lf":                  {&framingError{"bare_lf"}},
		"554 5.6.0 line_too_long":            {smtp.ErrTooLongLine},
		"554 5.6.0 invalid subject required": {delivery.FieldErrors{{Pointer: "/subject", Code: "required"}}},
	} {
		for _, err := range errs {
			a := s.answer(t.Context(), err)
			got := fmt.Sprintf("%d %d.%d.%d %s", a.Code, a.EnhancedCode[0], a.EnhancedCode[1], a.EnhancedCode[2], a.Message)
			if got != want && !strings.HasPrefix(got, want+" ") {
				t.Errorf("%v: %q, want %q", err, got, want)
			}
			if a.EnhancedCode[0] != a.Code/100 || a.Temporary() != (a.Code < 500) {
				t.Errorf("%v: %d and %v do not agree", err, a.Code, a.EnhancedCode)
			}
		}
	}
}

// A disk without room is the operator's to mend: the mail is not refused for good.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	for _, room := range []error{fmt.Errorf("put: %w", syscall.ENOSPC), &pgconn.PgError{Code: "53100"}} {
		r.failure.Store(&room)
		for _, mail := range []string{plainMail, mixed(textPart, attachment("a.pdf", []byte("x")))} {
			if got := r.send(c, mail); got != "452 4.3.1 insufficient_storage" {
				t.Errorf("answer %q", got)
			}
		}
	}
	r.failure.Store(nil)
	number(t, r.send(c, plainMail))
}
