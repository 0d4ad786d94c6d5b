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

// eximConf is its configuration: directory, program, port, settings, routers and
// transports.
const eximConf = `exim_path = %[2]s
spool_directory = %[1]s/spool
log_file_path = %[1]s/log/%%slog
pid_file_path = %[1]s/exim.pid
primary_hostname = exim.bode.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = %[3]s
tls_advertise_hosts =
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
host_lookup =
rfc1413_hosts =
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
add_environment =
disable_ipv6 = true
qualify_domain = exim.bode.example
acl_smtp_rcpt = taken
acl_smtp_data = taken
delay_warning = %[4]s
deliver_drop_privilege = %[5]v
%[6]s
begin acl
taken:
  accept

begin routers
%[7]s
begin transports
%[8]s
begin retry
* * F,%[9]ds,1s
`

// Exim starts one. It takes mail from anybody for everybody.
func Exim(t testing.TB, cfg Config) *Server {
	t.Helper()
	installed := find(t, "Exim", "../.cache/exim/usr/sbin/exim4", "../../.cache/exim/usr/sbin/exim4", "../../../.cache/exim/usr/sbin/exim4", "/usr/sbin/exim4")
	wrapper := find(t, "nss_wrapper", "/usr/lib/*/libnss_wrapper.so", "/usr/lib/libnss_wrapper.so")
	s := &Server{Dir: dir(t)}
	program := filepath.Join(s.Dir, "exim4")
	if text, err := os.ReadFile(installed); err != nil {
		t.Fatal(err)
	} else { // a copy without its setuid bit, which would keep the wrapper out
		write(t, program, 0o755, "%s", text)
	}
	var port string
	s.Addr, port = freeAddr(t)
	s.log = filepath.Join(s.Dir, "log", "mainlog")
	uid := os.Geteuid()
	if uid == 0 {
		uid = nobody
	}
	mkdir(t, uid, filepath.Join(s.Dir, "spool"), filepath.Join(s.Dir, "log"), filepath.Join(s.Dir, "mail"))
	if os.Geteuid() == 0 {
		mkdir(t, nobody, s.Dir)
	}
	// The program looks for a user of its own at every start; it gets one of ours
	// without anything being added to the machine.
	passwd, group := filepath.Join(s.Dir, "passwd"), filepath.Join(s.Dir, "group")
	write(t, passwd, 0o644, "root:x:0:0::/:/bin/sh\nDebian-exim:x:%d:%d::/:/bin/false\n", uid, gidOf(uid))
	write(t, group, 0o644, "root:x:0:\nDebian-exim:x:%d:\n", gidOf(uid))
	warn, expire := "", 60
	if cfg.Warn > 0 {
		warn = fmt.Sprintf("%ds", cfg.Warn)
	}
	if cfg.Expire > 0 {
		expire = cfg.Expire
	}
	var more strings.Builder
	for _, k := range slices.Sorted(maps.Keys(cfg.Settings)) {
		fmt.Fprintf(&more, "%s = %s\n", k, cfg.Settings[k])
	}
	routers, transports := eximRoutes(cfg, s.Dir)
	conf := filepath.Join(s.Dir, "exim.conf")
	write(t, conf, 0o644, eximConf, s.Dir, program, port, warn, os.Geteuid() != 0, more.String(), routers, transports, expire)
	cmd := exec.Command(program, "-C", conf, "-bdf", "-q1s")
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+wrapper, "NSS_WRAPPER_PASSWD="+passwd, "NSS_WRAPPER_GROUP="+group)
	s.start(t, cmd)
	return s
}

func gidOf(uid int) int {
	if uid == nobody {
		return nobody
	}
	return os.Getegid()
}

// eximRoutes writes a router and a transport for each domain, and a mailbox.
func eximRoutes(cfg Config, dir string) (routers, transports string) {
	var r, x strings.Builder
	for i, domain := range slices.Sorted(maps.Keys(cfg.Routes)) {
		host, port, _ := net.SplitHostPort(cfg.Routes[domain])
		fmt.Fprintf(&r, "route%d:\n  driver = manualroute\n  domains = %s\n  route_data = %s\n  self = send\n  transport = to%[1]d\n\n", i, domain, host)
		fmt.Fprintf(&x, "to%d:\n  driver = smtp\n  port = %s\n  allow_localhost\n  hosts_try_chunking =\n  command_timeout = 10s\n\n", i, port)
	}
	for i, m := range cfg.Mailboxes {
		local, domain, _ := strings.Cut(m, "@")
		fmt.Fprintf(&r, "box%d:\n  driver = accept\n  domains = %s\n  local_parts = %s\n  transport = box%[1]d\n\n", i, domain, local)
		fmt.Fprintf(&x, "box%d:\n  driver = appendfile\n  file = %s/mail/box%[1]d\n  user = Debian-exim\n  group = Debian-exim\n\n", i, dir)
	}
	return r.String(), x.String()
}
