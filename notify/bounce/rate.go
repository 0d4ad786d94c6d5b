package bounce

import (
	"net"
	"net/netip"
	"time"
)

// peerOf is who an address counts as: of IPv6 the network that one customer has.
func peerOf(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := at.Addr().Unmap()
	if ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// minute counts the mails of a peer in the minute that began at since.
type minute struct {
	since time.Time
	mails int
}

// maxPeers bounds what is counted; older minutes go first.
const maxPeers = 10_000

// allow counts a mail of a peer, and reports whether it may be brought.
func (s *Server) allow(peer string) bool {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.rates[peer]
	if now.Sub(m.since) >= time.Minute {
		if len(s.rates) >= maxPeers {
			for p, old := range s.rates {
				if now.Sub(old.since) >= time.Minute {
					delete(s.rates, p)
				}
			}
		}
		if _, known := s.rates[peer]; !known && len(s.rates) >= maxPeers {
			return false
		}
		m = minute{since: now}
	}
	m.mails++
	s.rates[peer] = m
	return m.mails <= s.PerMinute
}
