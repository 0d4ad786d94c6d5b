package seal_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence/seal"
)

func TestExpiringBoundaries(t *testing.T) {
	t.Parallel()
	end := time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC) // the night the clocks change
	c := &x509.Certificate{Raw: []byte("c"), SerialNumber: big.NewInt(255), Subject: pkix.Name{CommonName: "Seal"}, NotAfter: end}
	const day = 24 * time.Hour
	for _, step := range []struct {
		left time.Duration
		days int // -1: no alarm
	}{
		{1000 * day, -1}, {90*day + time.Nanosecond, -1}, {90 * day, 90}, {30*day + time.Nanosecond, 90},
		{30 * day, 30}, {7*day + time.Nanosecond, 30}, {7 * day, 7}, {time.Second, 7}, {0, 7}, {-time.Nanosecond, 0}, {-1000 * day, 0},
	} {
		got := seal.Expiring([]*x509.Certificate{c}, end.Add(-step.left))
		if step.days < 0 {
			if len(got) != 0 {
				t.Errorf("%v before the end: %+v", step.left, got)
			}
			continue
		}
		want := seal.Alarm{Days: step.days, Subject: "CN=Seal", Serial: "ff", NotAfter: end}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%v before the end: %+v, want %+v", step.left, got, want)
		}
	}
}

func TestExpiringOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	cert := func(name string, days int) *x509.Certificate {
		return &x509.Certificate{Raw: []byte(name), SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: now.AddDate(0, 0, days)}
	}
	late, soon, gone, far := cert("late", 80), cert("soon", 3), cert("gone", -3), cert("far", 400)
	var names []string
	for _, a := range seal.Expiring([]*x509.Certificate{late, far, soon, late, gone, cert("soon", 3)}, now) {
		names = append(names, a.Subject)
	}
	if want := []string{"CN=gone", "CN=soon", "CN=late"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if got := seal.Expiring(nil, now); len(got) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}
