package identity_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// special are the networks of IANA's registries of special-purpose addresses.
func special(t *testing.T) []netip.Prefix {
	t.Helper()
	b, err := os.ReadFile("testdata/special-purpose.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []netip.Prefix
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		p, err := netip.ParsePrefix(strings.Fields(line)[0])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	if len(out) < 45 {
		t.Fatalf("%d networks: is this all?", len(out))
	}
	return out
}

// ends are the first and the last address of a network, and one in between.
func ends(p netip.Prefix) []netip.Addr {
	first := p.Masked().Addr()
	last, middle := first.AsSlice(), first.AsSlice()
	for i := p.Bits(); i < first.BitLen(); i++ {
		last[i/8] |= 0x80 >> (i % 8)
		if i > p.Bits() {
			middle[i/8] |= 0x80 >> (i % 8)
		}
	}
	l, _ := netip.AddrFromSlice(last)
	m, _ := netip.AddrFromSlice(middle)
	return []netip.Addr{first, m, l}
}

// TestPublic: no special-purpose address is one of the Internet, however it is
// written. RFC 6890 §2.2
func TestPublic(t *testing.T) {
	t.Parallel()
	for _, p := range special(t) {
		for _, a := range ends(p) {
			if identity.Public(a) {
				t.Errorf("%s of %s is dialled", a, p)
			}
			if a.Is4() && identity.Public(netip.AddrFrom16(a.As16())) {
				t.Errorf("%s of %s is dialled as an IPv6 address", a, p)
			}
		}
	}
	for _, s := range []string{"224.0.0.1", "239.255.255.255", "ff02::1", "fec0::1", "::127.0.0.1", "::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
		"2002:7f00:1::", "fe80::1%eth0", "2a00:1450::1%1"} {
		if identity.Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is dialled", s)
		}
	}
	if identity.Public(netip.Addr{}) {
		t.Error("no address is one")
	}
	for _, s := range []string{"8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.255.255", "198.20.0.0",
		"223.255.255.255", "::ffff:8.8.8.8", "2001:200::1", "2a00:1450::1", "2003::1", "2600::1"} {
		if !identity.Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not dialled", s)
		}
	}
}

// TestFetcherAsksOfAddresses: what a name stands for is looked at when it is dialled,
// so a name that changes its mind leads nowhere either.
func TestFetcherAsksOfAddresses(t *testing.T) {
	t.Parallel()
	for _, p := range special(t) {
		for _, a := range ends(p) {
			for _, shown := range []netip.Addr{a, a.Unmap()} {
				_, err := identity.Fetcher(nil, nil)(t.Context(), "https://"+net.JoinHostPort(shown.String(), "443")+"/keys")
				if err == nil || !strings.Contains(err.Error(), "not a public one") {
					t.Errorf("%s of %s: %v", a, p, err)
				}
			}
		}
	}
	var dialled []string
	own := &http.Transport{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, net.ErrClosed
	}}
	if _, err := identity.Fetcher(nil, own)(t.Context(), "https://localhost/keys"); err == nil || len(dialled) > 0 {
		t.Errorf("a transport that dials by itself keeps doing so: %v", dialled)
	}
}
