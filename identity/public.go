package identity

import (
	"net/netip"
	"slices"
)

// reserved are the networks inside the unicast ranges that lead to no stranger on
// the Internet: the registries of special-purpose addresses, whatever they say of
// reachability, and IPv4 multicast.
//
// RFC 6890 §2.2.2, §2.2.3, with later entries
func reserved() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/3",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// global is where IPv6 addresses of the Internet are. What embeds IPv4 (64:ff9b::/96
// and its like), unique local, link-local and segment routing addresses are outside.
func global() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

// Public reports whether an address may belong to a stranger on the Internet. It
// is the one answer for every address that a customer gives us to dial, and is
// asked of the address that is dialled, not of a name.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	if a = a.Unmap(); a.Is6() && !global().Contains(a) {
		return false
	}
	return !slices.ContainsFunc(reserved(), func(p netip.Prefix) bool { return p.Contains(a) })
}
