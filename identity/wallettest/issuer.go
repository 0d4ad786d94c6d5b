package wallettest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"sync"
	"time"
)

// lifetime of a PID, and of one that nobody can revoke.
const (
	lifetime = 30 * 24 * time.Hour
	brief    = 12 * time.Hour
)

// Issuer is the provider of the PIDs of one country. Safe for concurrent use.
type Issuer struct {
	country string
	now     func() time.Time
	ca      authority
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate

	mu     sync.Mutex
	url    string // of the status list
	status []byte // of each PID issued, one octet each
	fault  Fault
}

// NewIssuer makes the provider of a country (two letters). status is the address
// under which StatusHandler will be reached. now is time.Now when nil.
func NewIssuer(country, status string, now func() time.Time) (*Issuer, error) {
	if now == nil {
		now = time.Now
	}
	i := &Issuer{country: country, now: now, url: status}
	var err error
	if i.ca, err = newAuthority("Demo PID provider CA", country, now()); err != nil {
		return nil, err
	}
	i.key, i.cert, err = i.ca.issue("Demo PID provider", country, "", now())
	return i, err
}

// Anchor is what a verifier trusts.
func (i *Issuer) Anchor() *x509.Certificate { return i.ca.cert }

// SetStatusURL moves the status list; PIDs issued before name the old address.
func (i *Issuer) SetStatusURL(url string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.url = url
}

// SetFault makes the status list break f from now on; None mends it.
func (i *Issuer) SetFault(f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault = f
}

// allot gives the next place in the status list, with its first value.
func (i *Issuer) allot(f Fault) (url string, index int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	value := map[Fault]byte{Revoked: 1, Suspended: 2}[f]
	i.status = append(i.status, value)
	return i.url, len(i.status) - 1
}

// Revoke revokes every PID issued so far.
func (i *Issuer) Revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.status {
		i.status[n] = 1
	}
}

// statusClaim is what a PID says about its status; nil for none.
func (i *Issuer) statusClaim(f Fault) map[string]any {
	if f == NoStatus || f == ShortLived {
		return nil
	}
	url, index := i.allot(f)
	list := map[string]any{"uri": url, "idx": index}
	switch f {
	case UnknownStatus:
		return map[string]any{"identifier_list": map[string]any{"uri": url, "id": "1"}}
	case StatusElsewhere:
		list["uri"] = "http://127.0.0.1:1/status"
	case StatusBeyond:
		list["idx"] = 1 << 24
	case StatusNegative:
		list["idx"] = -1
	}
	return map[string]any{"status_list": list}
}

// times are those of a PID issued now.
func (i *Issuer) times(f Fault) (issued, until time.Time) {
	issued = i.now().UTC().Add(-time.Minute).Truncate(time.Second)
	until = issued.Add(lifetime)
	switch f {
	case Expired:
		issued, until = issued.Add(-2*lifetime), issued.Add(-lifetime)
	case NotYet:
		issued, until = issued.Add(lifetime), issued.Add(2*lifetime)
	case SignedEarly:
		issued = issued.AddDate(-2, 0, 0)
	case ShortLived:
		until = issued.Add(brief)
	}
	return issued, until
}

// signer is the key and the chain that a PID is signed with.
func (i *Issuer) signer(f Fault) (*ecdsa.PrivateKey, []*x509.Certificate, error) {
	at := i.now()
	switch f {
	case ForeignIssuer:
		other, err := newAuthority("Demo PID provider CA", i.country, at)
		if err != nil {
			return nil, nil, err
		}
		key, cert, err := other.issue("Demo PID provider", i.country, "", at)
		return key, []*x509.Certificate{cert}, err
	case SelfSigned:
		key, cert, err := selfSigned("Demo PID provider", i.country, at)
		return key, []*x509.Certificate{cert}, err
	case AuthorityIssues:
		return i.ca.key, []*x509.Certificate{i.ca.cert}, nil
	case ExpiredIssuer:
		key, cert, err := i.ca.issue("Demo PID provider", i.country, "", at.AddDate(-2, 0, 0))
		return key, []*x509.Certificate{cert}, err
	}
	return i.key, []*x509.Certificate{i.cert}, nil
}

// attributes of a person, by the names of SD-JWT, in a fixed order.
func (i *Issuer) attributes(p Person, f Fault, until time.Time) []attribute {
	country := i.country
	switch f {
	case OtherCountry:
		country = map[bool]string{true: "NL", false: "BE"}[country == "BE"]
	case BadBirthDate:
		p.BirthDate = "yesterday"
	case ControlInName:
		p.Family += "\u0007"
	case BadNumber:
		p.Number = "85073099735"
	case NoNumber:
		p.Number = ""
	}
	all := []attribute{
		{"family_name", "family_name", p.Family}, {"given_name", "given_name", p.Given}, {"birthdate", "birth_date", p.BirthDate},
		{"issuing_country", "issuing_country", country}, {"issuing_authority", "issuing_authority", "Demo PID provider"},
		{"date_of_expiry", "expiry_date", until.Format(time.DateOnly)}, {"sex", "sex", "0"}, {"email", "email_address", "nobody@example.org"},
	}
	if p.Number != "" {
		all = append(all, attribute{"personal_administrative_number", "personal_administrative_number", p.Number})
	}
	return all
}

// attribute of a person under its two names.
type attribute struct{ sdjwt, mdoc, value string }
