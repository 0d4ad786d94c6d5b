package portal

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

var recipientPointer = regexp.MustCompile(`^/recipients/([0-9]+)(?:/(.*))?$`)

// places maps where a fault is in a submission to the field of the form.
var places = map[string]string{
	"name/given": "given", "name/family": "family", "email": "email", "mobile": "mobile", "language": "language",
	"postal_address": "line1", "postal_address/lines": "line1", "postal_address/lines/0": "line1", "postal_address/lines/1": "line2",
	"postal_address/postcode": "postcode", "postal_address/city": "city", "postal_address/country": "country",
	"identification/birth_date": "birth_date", "identification/national_number": "national_number", "": "given",
	"organisation/name": "org_name", "organisation/enterprise_number": "org_number", "/send_at": "send_date",
	"/subject": "subject", "/body": "body", "/reference": "reference", "/policy/collect_days": "days", "/policy/fallback": "fallback",
	"/policy/class": "class", "/policy/serve_by": "serve_by", "/policy/term_rule": "term_rule",
}

// faultsOf says what is wrong with a draft in the words of its form. A code has
// words of its own for some fields: "fault.required.email" before
// "fault.required", and "fault.other" for what a form cannot cause.
func (p *Portal) faultsOf(d draft, found delivery.FieldErrors) (out web.Faults) {
	for _, f := range found {
		var args []any
		for k, v := range f.Args {
			args = append(args, k, said(v))
		}
		fault := web.Fault{Args: args}
		name, ok := places[f.Pointer]
		fault.Field = name
		if m := recipientPointer.FindStringSubmatch(f.Pointer); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				continue
			}
			if name, ok = places[m[2]]; ok {
				fault.Field = fieldName(n, name)
			}
			if len(d.Recipients) > 1 {
				fault.Where, fault.Args = "fault.where", append(fault.Args, "nr", n+1)
			}
		}
		if strings.HasPrefix(f.Pointer, "/documents") {
			name, fault.Field = "documents", "documents"
		} else if !ok {
			fault.Field = ""
		}
		fault.Key = p.faultKey(f.Code, name)
		if out.At(fault.Field) == nil || fault.Field == "" { // one thing at a time
			out = append(out, fault)
		}
	}
	return out
}

func (p *Portal) faultKey(code, field string) string {
	for _, key := range []string{"fault." + code + "." + field, "fault." + code} {
		if p.Web.HasText("portal", key) {
			return key
		}
	}
	return "fault.other"
}
