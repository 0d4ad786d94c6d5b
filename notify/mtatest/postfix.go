package mtatest

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Config of a mail server.
type Config struct {
	// Routes lead mail for a domain to an address, host:port.
	Routes map[string]string
	// Mailboxes are addresses that it delivers itself.
	Mailboxes []string
	// Warn and Expire are how many seconds a mail waits before its sender is told
	// that it waits, and that it failed. Default: no warning; 60.
	Warn, Expire int
	// Settings are added to main.cf.
	Settings map[string]string
}

// masterCF lists the services of Postfix, none of them in a jail.
const masterCF = `%s inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`

// Postfix starts one. It takes mail from loopback for everybody.
func Postfix(t testing.TB, cfg Config) *Server {
	t.Helper()
	program := find(t, "Postfix", "/usr/sbin/postfix")
	if os.Geteuid() != 0 {
		t.Skip("Postfix starts for the superuser only: its master process refuses anybody else")
	}
	s := &Server{Dir: dir(t)}
	var port string
	s.Addr, port = freeAddr(t)
	s.log = filepath.Join(s.Dir, "maillog")
	boxes := filepath.Join(s.Dir, "mail")
	mkdir(t, nobody, boxes)
	mkdir(t, 0, filepath.Join(s.Dir, "queue"))
	postfixUser(t, filepath.Join(s.Dir, "data"))
	write(t, filepath.Join(s.Dir, "master.cf"), 0o644, masterCF, net.JoinHostPort("127.0.0.1", port))
	settings := map[string]string{
		"compatibility_level": "3.6", "queue_directory": filepath.Join(s.Dir, "queue"), "data_directory": filepath.Join(s.Dir, "data"),
		"maillog_file": s.log, "maillog_file_prefixes": s.Dir, "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin",
		"mail_owner": "postfix", "setgid_group": "postdrop", "myhostname": "postfix.bode.example", "mydestination": "", "inet_interfaces": "127.0.0.1",
		"inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8", "disable_dns_lookups": "yes", "smtp_dns_support_level": "disabled", "smtp_host_lookup": "native",
		"smtpd_recipient_restrictions": "permit_mynetworks, reject", "smtpd_peername_lookup": "no", "append_dot_mydomain": "no", "biff": "no",
		"default_transport": "error:5.4.4 no route", "relay_transport": "error:5.4.4 no route", // nothing leaves this machine
		"local_recipient_maps": "", "alias_maps": "", "minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
		"maximal_queue_lifetime": fmt.Sprintf("%ds", max(cfg.Expire, 1)), "bounce_queue_lifetime": "60s", "virtual_mailbox_base": boxes,
		"virtual_uid_maps": fmt.Sprintf("static:%d", nobody), "virtual_gid_maps": fmt.Sprintf("static:%d", nobody), "smtp_connection_cache_on_demand": "no",
	}
	if cfg.Expire == 0 {
		settings["maximal_queue_lifetime"] = "60s"
	}
	if cfg.Warn > 0 {
		settings["delay_warning_time"] = fmt.Sprintf("%ds", cfg.Warn)
	}
	var routes, names, domains []string
	for _, domain := range slices.Sorted(maps.Keys(cfg.Routes)) {
		host, port, _ := net.SplitHostPort(cfg.Routes[domain])
		routes = append(routes, fmt.Sprintf("{ %s = smtp:[%s]:%s }", domain, host, port))
	}
	for _, m := range cfg.Mailboxes {
		_, domain, _ := strings.Cut(m, "@")
		domains = append(domains, domain)
		names = append(names, fmt.Sprintf("{ %s = %s }", m, strings.Replace(m, "@", "-", 1)))
	}
	for name, table := range map[string][]string{"transport_maps": routes, "virtual_mailbox_maps": names} {
		if len(table) > 0 {
			settings[name] = "inline:{ " + strings.Join(table, ", ") + " }"
		}
	}
	settings["virtual_mailbox_domains"] = strings.Join(domains, " ")
	maps.Copy(settings, cfg.Settings)
	var main strings.Builder
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&main, "%s = %s\n", k, settings[k])
	}
	write(t, filepath.Join(s.Dir, "main.cf"), 0o644, "%s", main.String())
	s.stop = []string{program, "-c", s.Dir, "stop"}
	s.start(t, exec.Command(program, "-c", s.Dir, "start-fg"))
	return s
}

// postfixUser makes a directory of Postfix's own user.
func postfixUser(t testing.TB, path string) {
	t.Helper()
	mkdir(t, 0, path)
	if out, err := exec.Command("chown", "postfix", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
