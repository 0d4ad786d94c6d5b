package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/bode-erds/bode/identity"
)

// Why an address is not dialled.
var (
	ErrURL     = errors.New("webhook: not an https address")
	ErrPrivate = errors.New("webhook: address is not on the public Internet")
	ErrName    = errors.New("webhook: name is not known")
)

// target reads an address to push to: https, a host, no more than that before
// the path. Loopback may be named, and in clear, only where that is allowed.
// Errors: ErrURL, ErrPrivate.
func target(raw string, loopback bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, ErrURL
	}
	host, err := netip.ParseAddr(u.Hostname())
	local := loopback && err == nil && host.Unmap().IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, ErrURL
	}
	if err == nil && !local && !identity.Public(host) {
		return nil, fmt.Errorf("%w: %s", ErrPrivate, host)
	}
	port, err := strconv.Atoi(portOf(u))
	if err != nil || port < 1 || port > 65535 || port != 443 && port < 1024 {
		return nil, fmt.Errorf("%w: port %s", ErrURL, portOf(u))
	}
	return u, nil
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// Resolver looks names up; *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// dialer connects to what it has checked, and to nothing else.
type dialer struct {
	names    Resolver
	loopback bool
}

// dial looks the host up once and dials one of what it found. Errors: ErrName,
// ErrPrivate when any of the addresses is none of the Internet: a name that
// stands for both is up to no good.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		found = append(found, a)
	} else if found, err = d.names.LookupNetIP(ctx, "ip", host); err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrName, host)
	}
	for _, a := range found {
		if !d.may(a) {
			return nil, fmt.Errorf("%w: %s", ErrPrivate, a)
		}
	}
	var failed error
	n := net.Dialer{Control: d.control}
	for _, a := range found[:min(len(found), 3)] {
		conn, err := n.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

func (d dialer) may(a netip.Addr) bool {
	return identity.Public(a) || d.loopback && a.Unmap().IsLoopback()
}

// control is the last look, at what the socket is about to be connected to.
func (d dialer) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !d.may(a.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivate, address)
	}
	return nil
}
