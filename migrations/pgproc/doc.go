// Package pgproc runs a private PostgreSQL server as a child process, for the
// demonstration and for tests. Production uses a server run by somebody else.
//
// A server lives in one directory, the instance:
//
//	lock          held (flock) by the process that owns the instance
//	password      24 random bytes in hex, readable by the server's user only
//	data/         the cluster; complete as soon as it exists, because it is made
//	              as data.new and renamed
//	sock/         the unix socket, in a directory closed to everybody else
//	server.log    what the server said; server.log.old is the run before
//
// The server listens on the unix socket only, unless Config.TCP asks for a port
// on 127.0.0.1 as well; every connection needs the password (SCRAM, RFC 7677).
//
// It never outlives its owner by long: on Linux the kernel interrupts it when
// the owner dies, elsewhere a one-line shell holding a pipe does, and whoever
// starts the instance next stops what is left over. It runs without root: when
// the owner is root, the server runs as postgres or, failing that, nobody.
package pgproc
