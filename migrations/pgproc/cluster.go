//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func (inst *instance) dataDir() string      { return filepath.Join(inst.dir, "data") }
func (inst *instance) passwordPath() string { return filepath.Join(inst.dir, "password") }

// clusterMajor reads the major version of the cluster, 0 when there is none.
func (inst *instance) clusterMajor() (int, error) {
	path := filepath.Join(inst.dataDir(), "PG_VERSION")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && inst.cfg.From != "" {
		path = filepath.Join(inst.cfg.From, "data", "PG_VERSION")
		if text, err = os.ReadFile(path); err != nil {
			return 0, fmt.Errorf("%w: %s holds no cluster to copy: %w", ErrConfig, inst.cfg.From, err)
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrBroken, path, err)
	}
	return major, nil
}

// makeCluster makes data and password unless they are there. It works in
// data.new and renames at the end, so that data is complete if it exists.
func (inst *instance) makeCluster(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(inst.dataDir(), "PG_VERSION")); err == nil {
		if _, err := inst.password(); err != nil {
			return err
		}
		return nil
	}
	if _, err := os.Stat(inst.dataDir()); err == nil {
		return fmt.Errorf("%w: %s is no cluster; move it away", ErrBroken, inst.dataDir())
	}
	fresh := inst.dataDir() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	fill := inst.initdb
	if inst.cfg.From != "" {
		fill = inst.copyCluster
	}
	if err := fill(ctx, fresh); err != nil {
		os.RemoveAll(fresh)
		return err
	}
	if err := os.Rename(fresh, inst.dataDir()); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return syncDir(inst.dir)
}

// initdb makes a new cluster. Sorting for people is done with ICU collations per
// query; the C locale keeps indexes valid when the system's locales change.
func (inst *instance) initdb(ctx context.Context, dir string) error {
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	if err := inst.writePassword([]byte(hex.EncodeToString(secret) + "\n")); err != nil {
		return err
	}
	args := []string{
		"-D", dir, "-U", superuser, "-A", "scram-sha-256", "--pwfile=" + inst.passwordPath(),
		"-E", "UTF8", "--locale=C", "--data-checksums",
	}
	if inst.cfg.Unsafe {
		args = append(args, "--no-sync")
	}
	cmd := inst.command("initdb", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	exited := make(chan struct{})
	if err := spawn(cmd, exited); err != nil {
		return err
	}
	select {
	case <-exited:
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
		return fmt.Errorf("%w: initdb: %w", ErrStart, ctx.Err())
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%w: initdb: %s: %s", ErrStart, cmd.ProcessState, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// password reads the password of the instance.
func (inst *instance) password() (string, error) {
	text, err := os.ReadFile(inst.passwordPath())
	if err != nil {
		return "", fmt.Errorf("%w: no password for the cluster: %w", ErrBroken, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// writePassword stores a new password before the cluster that uses it is made.
// O_EXCL after removal, so that a planted link is never written through.
func (inst *instance) writePassword(text []byte) error {
	if err := os.Remove(inst.passwordPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	f, err := os.OpenFile(inst.passwordPath(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return inst.account.own(inst.passwordPath(), 0o600)
}

// serverArgs are the settings of a run; the cluster's own files stay as made.
func (inst *instance) serverArgs(port int) []string {
	set := map[string]string{
		"port":                              strconv.Itoa(port),
		"listen_addresses":                  "",
		"unix_socket_directories":           `"` + inst.sockDir + `"`,
		"unix_socket_permissions":           "0700",
		"timezone":                          "UTC",
		"log_timezone":                      "UTC",
		"shared_buffers":                    "64MB",
		"max_connections":                   "200",
		"jit":                               "off",
		"log_statement":                     "none", // content never reaches the log
		"log_parameter_max_length_on_error": "0",
	}
	if inst.cfg.TCP {
		set["listen_addresses"] = "127.0.0.1"
	}
	if inst.cfg.Unsafe {
		maps.Copy(set, map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
			"wal_level": "minimal", "max_wal_senders": "0",
			"autovacuum": "off", "bgwriter_lru_maxpages": "0",
		})
	}
	maps.Copy(set, inst.cfg.Settings)
	args := []string{"-D", inst.dataDir()}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}
