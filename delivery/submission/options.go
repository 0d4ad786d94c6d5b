package submission

import (
	"strconv"
	"strings"

	"github.com/emersion/go-message/textproto"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// Our fields, in canonical form.
const (
	fieldRecipient   = prefix + "Recipient"
	fieldReference   = prefix + "Reference"
	fieldCostCentre  = prefix + "Cost-Centre"
	fieldLanguage    = prefix + "Language"
	fieldCollectDays = prefix + "Collect-Days"
	fieldFallback    = prefix + "Fallback"
	fieldPostAtOnce  = prefix + "Post-At-Once"
	fieldReminders   = prefix + "Reminders"
	fieldReceipts    = prefix + "Receipts"
	fieldLevel       = prefix + "Level"
	fieldMethods     = prefix + "Methods"
	fieldClass       = prefix + "Class"
	fieldRetention   = prefix + "Retention-Months"
	fieldServeBy     = prefix + "Serve-By"
	fieldTermRule    = prefix + "Term-Rule"
	fieldDryRun      = prefix + "Dry-Run"
)

// single reports a field of ours that may be there once.
func single(name string) bool {
	switch name {
	case fieldReference, fieldCostCentre, fieldLanguage, fieldCollectDays, fieldFallback, fieldPostAtOnce, fieldReminders, fieldReceipts,
		fieldLevel, fieldMethods, fieldClass, fieldRetention, fieldServeBy, fieldTermRule, fieldDryRun:
		return true
	}
	return false
}

// options reads what the fields say of how to deliver into p, and whether it is
// a rehearsal: checked, and not submitted. Whether values are good is for the
// checks of a submission; here are only those that are no values at all.
func options(h textproto.Header, p *delivery.Policy) (dry bool, faults delivery.FieldErrors) {
	r := reader{h: h}
	r.number(fieldCollectDays, "/policy/collect_days", &p.CollectDays)
	r.number(fieldRetention, "/policy/retention_months", &p.RetentionMonths)
	r.yes(fieldReminders, "/policy/reminders", &p.Reminders)
	r.yes(fieldReceipts, "/policy/receipts", &p.Receipts)
	if v, ok := r.value(fieldFallback); ok {
		p.Fallback = delivery.Fallback(v)
		p.PostAtOnce = p.PostAtOnce && p.Fallback == delivery.FallbackPost
	}
	r.yes(fieldPostAtOnce, "/policy/post_at_once", &p.PostAtOnce)
	if v, ok := r.value(fieldLevel); ok {
		p.Level = identity.Level(v)
	}
	if v, ok := r.value(fieldMethods); ok {
		p.Methods = nil
		for m := range strings.SplitSeq(v, ",") {
			p.Methods = append(p.Methods, strings.TrimSpace(m))
		}
	}
	for field, to := range map[string]*string{fieldClass: &p.Class, fieldServeBy: &p.ServeBy, fieldTermRule: &p.TermRule} {
		if v, ok := r.value(field); ok {
			*to = v
		}
	}
	r.yes(fieldDryRun, "/dry_run", &dry)
	return dry, r.faults
}

// reader reads fields that have one plain value.
type reader struct {
	h      textproto.Header
	faults delivery.FieldErrors
}

func (r *reader) value(field string) (string, bool) {
	return strings.TrimSpace(unfold(r.h.Get(field))), r.h.Has(field)
}

func (r *reader) number(field, at string, to *int) {
	if v, ok := r.value(field); ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			r.faults = append(r.faults, delivery.FieldError{Pointer: at, Code: "number"})
			return
		}
		*to = n
	}
}

func (r *reader) yes(field, at string, to *bool) {
	if v, ok := r.value(field); ok {
		switch strings.ToLower(v) {
		case "yes":
			*to = true
		case "no":
			*to = false
		default:
			r.faults = append(r.faults, delivery.FieldError{Pointer: at, Code: "yes_or_no"})
		}
	}
}
