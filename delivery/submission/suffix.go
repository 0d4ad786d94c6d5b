package submission

import (
	"strings"

	"golang.org/x/net/idna"
)

// suffix is what may stand behind the domain of a recipient, so that mail rules
// can route to us what is to be registered: "r.bode.example", as A-labels. It
// says nothing else: an address with it and without it is the same recipient.
type suffix string

// newSuffix checks and normalises.
func newSuffix(s string) (suffix, error) {
	ascii, err := idna.Lookup.ToASCII(strings.Trim(s, "."))
	return suffix(strings.ToLower(ascii)), err
}

// strip takes the suffix off an address. ours says that the address without it
// is still at the suffix: nobody can be reached there.
func (s suffix) strip(address string) (plain string, ours bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 || s == "" {
		return address, false
	}
	rest, found := s.cut(address[i+1:])
	if !found {
		return address, false
	}
	_, again := s.cut(rest)
	return address[:i+1] + rest, again || rest == ""
}

// cut takes the suffix off a domain, in whichever form its labels are.
func (s suffix) cut(domain string) (rest string, found bool) {
	labels := strings.Split(strings.TrimSuffix(domain, "."), ".")
	n := len(labels) - strings.Count(string(s), ".") - 1
	if n < 0 || asciiDomain(strings.Join(labels[n:], ".")) != string(s) {
		return "", false
	}
	return strings.Join(labels[:n], "."), true
}

// same is a form of an address that is equal for addresses of one recipient:
// without the suffix, and with its domain in A-labels (RFC 5890 §2.3.2.1). The
// local part is compared without case, which RFC 5321 §2.4 leaves to its host,
// because nobody has two people whose addresses differ in case only.
func (s suffix) same(address string) string {
	address, _ = s.strip(address)
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return strings.ToLower(address)
	}
	return strings.ToLower(address[:i+1]) + asciiDomain(address[i+1:])
}

func asciiDomain(domain string) string {
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return strings.ToLower(domain)
}
