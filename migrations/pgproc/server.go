//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// How long Stop waits after each signal; together less than five seconds.
const (
	fastShutdown      = 3500 * time.Millisecond // SIGINT: roll back, checkpoint, leave
	immediateShutdown = 1000 * time.Millisecond // SIGQUIT: leave; the next start recovers
)

// Server is a running PostgreSQL. Its methods may be called from any goroutine.
type Server struct {
	inst   *instance
	cmd    *exec.Cmd
	port   int
	exited chan struct{} // closed when the process is gone
	url    string
	stop   chan struct{} // holds one token: who takes it stops the server
}

// Start runs the server of the instance cfg.Dir, making the cluster first when
// there is none, and returns once it answers queries. ctx bounds the start only;
// the server runs until Stop or the end of this process.
//
// After an error nothing runs and nothing is locked. A crash at any point leaves
// an instance that the next Start uses.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()

	// 1. Own the instance. Until the lock is ours nothing in it is touched.
	inst, err := openInstance(cfg)
	if err != nil {
		return nil, err
	}
	s := &Server{inst: inst, exited: make(chan struct{}), stop: make(chan struct{}, 1)}
	s.stop <- struct{}{}
	if err := s.start(ctx); err != nil {
		inst.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	inst := s.inst
	// 2. Stop what an owner that died has left running.
	if err := inst.endOrphan(ctx); err != nil {
		return err
	}
	// 3. Choose the programs: an existing cluster runs under its own version only.
	if err := inst.chooseBinaries(ctx); err != nil {
		return err
	}
	// 4. Make the cluster. Crash: data.new stays behind and is thrown away.
	if err := inst.makeCluster(ctx); err != nil {
		return err
	}
	// 5. Run, and wait for an answer. Crash: the kernel stops the server.
	for {
		if err := s.run(); err != nil {
			return err
		}
		err := s.ready(ctx)
		if err == nil {
			break
		}
		s.end(context.WithoutCancel(ctx))
		words := inst.lastWords()
		if !lingers(words) {
			return fmt.Errorf("%w%s", err, words)
		}
		// What a killed postmaster leaves ends by itself, at the latest with its query.
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w%s", err, words)
		case <-time.After(100 * time.Millisecond):
		}
		s.exited = make(chan struct{})
	}
	inst.log.Info("private PostgreSQL runs", "dir", inst.dir, "major", inst.bin.Major, "pid", s.cmd.Process.Pid)
	return nil
}

// lingers says that a server did not start because processes of the one before it
// still hold its memory. Two servers on one directory would ruin it, so PostgreSQL
// refuses; the words are those of sysv_shmem.c and have been the same since 8.
func lingers(words string) bool {
	return strings.Contains(words, "pre-existing shared memory block")
}

// run starts the postmaster.
func (s *Server) run() error {
	inst := s.inst
	s.port = 5432
	if inst.cfg.TCP {
		port, err := freePort()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStart, err)
		}
		s.port = port
	}
	if err := inst.openSocketDir(s.port); err != nil {
		return err
	}
	logPath := filepath.Join(inst.dir, "server.log")
	_ = os.Rename(logPath, logPath+".old") // the first run has none
	logFile, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	defer logFile.Close()

	s.cmd = inst.command("postgres", inst.serverArgs(s.port)...)
	s.cmd.Stdout, s.cmd.Stderr = logFile, logFile
	exited := s.exited
	if err := spawn(s.cmd, exited); err != nil {
		return err
	}
	// The server owns the instance as long as it runs, even when nobody holds s
	// any more: without this, collecting the lock's file would give it away.
	go func() {
		<-exited
		runtime.KeepAlive(s)
	}()
	return nil
}

// URL returns the address of Database for Role, password included, in the form
// pgxpool.New takes.
func (s *Server) URL() string { return s.url }

// Done is closed when the server process has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.exited }

// Stop ends the server in an orderly way within five seconds, sooner and less
// orderly when ctx ends; acknowledged transactions survive either way unless
// Config.Unsafe was set. It releases the instance. A second call does nothing.
func (s *Server) Stop(ctx context.Context) error {
	select {
	case <-s.stop:
	default:
		return nil
	}
	orderly := s.end(ctx)
	s.inst.close()
	s.inst.log.Info("private PostgreSQL stopped", "dir", s.inst.dir, "orderly", orderly)
	return nil
}

// end stops the process by ever stronger means and returns when it is gone.
func (s *Server) end(ctx context.Context) (orderly bool) {
	pid := s.cmd.Process.Pid
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, fastShutdown}, {syscall.SIGQUIT, immediateShutdown}} {
		_ = syscall.Kill(pid, step.signal) // fails only when it is gone
		timer := time.NewTimer(step.wait)
		select {
		case <-s.exited:
			timer.Stop()
			return step.signal == syscall.SIGINT
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		ctx = context.WithoutCancel(ctx) // it hurries the first step only
	}
	// The process group: a killed postmaster leaves its children to find out.
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	<-s.exited
	return false
}
