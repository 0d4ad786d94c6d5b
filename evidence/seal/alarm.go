package seal

import (
	"crypto/x509"
	"slices"
	"time"
)

// Alarm says that a certificate ends soon, or has ended.
type Alarm struct {
	// Days is the step that was reached: 90, 30 or 7 days before the end, 0 after
	// it.
	Days int
	// Subject and Serial (hexadecimal) name the certificate.
	Subject string
	Serial  string
	// NotAfter is its last second.
	NotAfter time.Time
}

// Expiring gives an alarm for each certificate that ends within 90 days of now,
// the first to end first, each once. It takes whatever evidence rests on: the
// seal and its chain, time-stamping units, the log.
func Expiring(certs []*x509.Certificate, now time.Time) []Alarm {
	var all []Alarm
	for i, c := range certs {
		if days, near := step(c.NotAfter, now); near && !slices.ContainsFunc(certs[:i], c.Equal) {
			all = append(all, Alarm{days, c.Subject.String(), c.SerialNumber.Text(16), c.NotAfter})
		}
	}
	slices.SortStableFunc(all, func(a, b Alarm) int { return a.NotAfter.Compare(b.NotAfter) })
	return all
}

// step gives the nearest step that was reached. A certificate is valid up to and
// including its last second. RFC 5280 §4.1.2.5
func step(notAfter, now time.Time) (days int, near bool) {
	left := notAfter.Sub(now)
	if left < 0 {
		return 0, true
	}
	for _, days := range []int{7, 30, 90} {
		if left <= time.Duration(days)*24*time.Hour {
			return days, true
		}
	}
	return 0, false
}
