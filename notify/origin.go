package notify

import (
	"regexp"
)

// originHost is a domain name as browsers take it: no port, no address.
var originHost = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)

// withOrigin ends a text that holds a code with the line by which a phone knows to
// which site the code belongs: it then offers it there, and nowhere else. The line
// is left out when it does not fit, and on hosts that are no domain.
// Origin-bound one-time codes §2
func withOrigin(text, host, code string) string {
	if !originHost.MatchString(host) {
		return text
	}
	bound := text + "\n@" + host + " #" + code
	if parts, gsm7 := Segments(bound); parts > 1 || !gsm7 {
		return text
	}
	return bound
}
