package portal

import (
	"strings"

	"github.com/bode-erds/bode/identity"
)

// mandateText is what the granter reads and signs, in the granter's language. It
// is plain text, one thing on a line: it is shown by apps of others.
//
// R26, R31
func (p *Portal) mandateText(v *visitor, d identity.MandateDraft) (string, error) {
	var b strings.Builder
	var failed error
	say := func(key string, args ...any) string {
		text, err := p.Web.Text(v, "portal", key, args...)
		if failed == nil {
			failed = err
		}
		return text
	}
	put := func(key string, args ...any) { b.WriteString(say(key, args...) + "\n") }
	from, err := p.dateText(v, d.From)
	if err != nil {
		return "", err
	}
	put("mandate.text.title")
	put("mandate.text.principal", "principal", d.Principal)
	put("mandate.text.grantee", "grantee", d.Given+" "+d.Family)
	var powers []string
	for _, power := range d.Powers {
		powers = append(powers, say("mandate.power."+string(power)))
	}
	put("mandate.text.powers", "powers", strings.Join(powers, "; "))
	if len(d.Classes) == 0 {
		put("mandate.text.every_class")
	} else {
		put("mandate.text.classes", "classes", strings.Join(d.Classes, ", "))
	}
	put("mandate.text.from", "date", from)
	if d.Until == nil {
		put("mandate.text.no_end")
	} else {
		last, err := p.dateText(v, d.Until.Add(-1)) // the first instant after the last day
		if err != nil {
			return "", err
		}
		put("mandate.text.until", "date", last)
	}
	put("mandate.text.withdraw")
	put("mandate.text.id", "id", d.ID)
	return strings.TrimSpace(b.String()), failed
}
