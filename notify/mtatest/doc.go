// Package mtatest runs real mail servers for tests: Postfix, Exim, and the sink
// that comes with Postfix. Each listens on a free port of loopback, has its
// configuration and queue in a directory of the test, asks no DNS, and is stopped
// when the test ends. A server that is not installed fails the test; Postfix,
// which starts for the superuser only, skips it for anybody else and says so.
package mtatest
