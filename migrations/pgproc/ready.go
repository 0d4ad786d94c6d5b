//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// maxSocketPath is the longest socket path every unix accepts on Linux; the
// others stop at 103, which the check leaves room for.
const maxSocketPath = 103

// openSocketDir chooses and makes the directory of the socket. A path too long
// for a socket, or with a comma, which separates hosts in an address, moves it to
// a short one, named after the instance so that a crash leaves one directory at
// most.
func (inst *instance) openSocketDir(port int) error {
	inst.sockDir = filepath.Join(inst.dir, "sock")
	name := ".s.PGSQL." + strconv.Itoa(port)
	if len(inst.sockDir)+1+len(name) > maxSocketPath || strings.Contains(inst.sockDir, ",") {
		sum := sha256.Sum256([]byte(inst.dir))
		inst.sockDir = "/tmp/bode-pg-" + hex.EncodeToString(sum[:8])
		inst.remove = append(inst.remove, inst.sockDir)
	}
	err := os.Mkdir(inst.sockDir, 0o700)
	if errors.Is(err, os.ErrExist) {
		// Somebody else's directory, or a link, must not receive our socket.
		info, statErr := os.Lstat(inst.sockDir)
		if statErr != nil {
			return fmt.Errorf("%w: %w", ErrStart, statErr)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || !ok || (st.Uid != inst.account.uid && int(st.Uid) != os.Geteuid()) {
			inst.remove = nil
			return fmt.Errorf("%w: %s belongs to somebody else", ErrStart, inst.sockDir)
		}
		// We hold the lock and ended the orphan: what is in there is stale.
		os.Remove(filepath.Join(inst.sockDir, name))
		os.Remove(filepath.Join(inst.sockDir, name+".lock"))
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	return inst.account.own(inst.sockDir, 0o700)
}

// ready waits until the server answers, and makes Role and Database.
func (s *Server) ready(ctx context.Context) error {
	password, err := s.inst.password()
	if err != nil {
		return err
	}
	if err := s.awaitAccepting(ctx); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.dsn(superuser, password, superuser))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))

	var haveRole, haveDatabase bool
	const look = `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),
	                     EXISTS (SELECT FROM pg_database WHERE datname = $2)`
	if err := conn.QueryRow(ctx, look, Role, Database).Scan(&haveRole, &haveDatabase); err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	// Neither statement takes parameters; the password is hexadecimal.
	if !haveRole {
		const create = `CREATE ROLE ` + Role + ` LOGIN CREATEDB CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD '%s'`
		if _, err := conn.Exec(ctx, fmt.Sprintf(create, password)); err != nil {
			return fmt.Errorf("%w: %w", ErrStart, err)
		}
	}
	if !haveDatabase {
		if _, err := conn.Exec(ctx, `CREATE DATABASE `+Database+` OWNER `+Role); err != nil {
			return fmt.Errorf("%w: %w", ErrStart, err)
		}
	}
	s.url = s.dsn(Role, password, Database)
	return nil
}

// awaitAccepting watches the status the server writes into postmaster.pid: its
// eighth line says "ready" once connections are welcome, of a standby "standby".
func (s *Server) awaitAccepting(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	path := filepath.Join(s.inst.dataDir(), "postmaster.pid")
	for {
		text, _ := os.ReadFile(path) // not there yet
		lines := strings.Split(string(text), "\n")
		if len(lines) >= 8 && s.welcome(strings.TrimSpace(lines[7])) &&
			strings.TrimSpace(lines[0]) == strconv.Itoa(s.cmd.Process.Pid) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("%w: %s", ErrStart, s.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%w: not ready in time: %w", ErrStart, ctx.Err())
		}
	}
}

// welcome says whether a status means that connections are welcome.
func (s *Server) welcome(status string) bool {
	return status == "ready" || s.inst.cfg.Standby && status == "standby"
}

func (s *Server) dsn(role, password, database string) string {
	host := s.inst.sockDir
	if s.inst.cfg.TCP {
		host = "127.0.0.1"
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(role, password),
		Path:   "/" + database,
		// In a connection address a plus sign is no blank.
		RawQuery: "host=" + strings.ReplaceAll(url.QueryEscape(host), "+", "%20") + "&port=" + strconv.Itoa(s.port) + "&sslmode=disable",
	}
	return u.String()
}
