package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// benchMails sends mails as mail programs do and compares with a sink that keeps
// nothing.
type benchMails struct {
	Sessions int           `help:"Sessions of smtp-source at the same time." default:"20"`
	Length   int           `help:"Octets of the body of a mail." default:"4096"`
	Span     time.Duration `help:"Time of each measurement, about." default:"4s"`
	Rounds   int           `help:"Rounds; each measures both, in shuffled order." default:"5"`
	Profile  string        `help:"Write a CPU profile of the service to this file." type:"path"`
}

// What smtp-source cannot say otherwise goes with the subject.
const benchSubject = "Opzegging\r\nX-Bode-Recipient: an@mail.example; given=An; family=Janssens; mobile=+32470000001; language=nl\r\n" +
	"X-Bode-Language: nl\r\nX-Bode-Fallback: none"

// Run measures with a connection for each mail, and with connections that are
// kept.
func (c benchMails) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	flags := []string{"--keys", "8", "--mails"}
	if c.Profile != "" {
		flags = append(flags, "--profile", c.Profile)
	}
	s, err := b.subject(ctx, "bode", b.server.URL(), flags...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	pool, err := openBenchPool(ctx, b.server.URL())
	if err != nil {
		return err
	}
	defer pool.Close()
	sink, stop, err := startSink(ctx)
	if err != nil {
		return err
	}
	defer stop()
	bare, stopBare, err := startBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopBare()) }()
	limit := again{pool}
	if err := limit.open(ctx); err != nil {
		return err
	}
	for _, way := range []struct {
		name string
		keep bool
	}{{"a connection for each mail", false}, {"connections kept", true}} {
		tested := []measured{
			{name: "smtp-sink, " + way.name, do: c.source(ctx, sink, way.keep, nil)},
			{name: "the SMTP library alone, " + way.name, do: c.source(ctx, bare, way.keep, nil)},
			{name: "PostgreSQL, the same rows in groups of 16", do: func(d time.Duration) (string, float64, error) { return limit.run(ctx, d) }},
			{name: "bode, " + way.name, do: c.costs(ctx, s.PID, pool, c.source(ctx, s.Mails, way.keep, pool))},
		}
		if err := rounds(tested, c.Rounds, c.Span); err != nil {
			return err
		}
		report(tested, 3)
		report(tested[:3], 2)
		report(tested[:2], 1)
	}
	return nil
}

// costs adds to the note of do what a mail took of the processors, which other
// programs change less than the rate.
func (c benchMails) costs(ctx context.Context, pid int, pool *pgxpool.Pool, do func(time.Duration) (string, float64, error)) func(time.Duration) (string, float64, error) {
	return func(d time.Duration) (note string, rate float64, err error) {
		database, err := postmaster(ctx, pool)
		if err != nil {
			return "", 0, err
		}
		var spent [4]time.Duration
		var n [2]int
		for i := range 2 {
			if n[i], err = messages(ctx, pool); err != nil {
				return "", 0, err
			}
			for k, p := range []int{pid, database} {
				if spent[2*i+k], err = spentBy(p); err != nil {
					return "", 0, err
				}
			}
			if i == 0 {
				if note, rate, err = do(d); err != nil {
					return "", 0, err
				}
			}
		}
		each := func(d time.Duration) float64 { return ms(d) / float64(max(1, n[1]-n[0])) }
		return fmt.Sprintf("%s; processor time of each: service %.2f ms, database %.2f ms", note, each(spent[2]-spent[0]), each(spent[3]-spent[1])), rate, nil
	}
}

// source returns what sends mails to addr for about some time: as many as the
// last rate promises. With a pool it makes sure that each became a message.
func (c benchMails) source(ctx context.Context, addr string, keep bool, pool *pgxpool.Pool) func(time.Duration) (string, float64, error) {
	rate := 300.0
	return func(d time.Duration) (string, float64, error) {
		n := max(c.Sessions, int(rate*d.Seconds()))
		before, err := messages(ctx, pool)
		if err != nil {
			return "", 0, err
		}
		args := []string{"-s", strconv.Itoa(c.Sessions), "-m", strconv.Itoa(n), "-l", strconv.Itoa(c.Length),
			"-f", "post@zilverlinde.example", "-t", "an@mail.example", "-S", benchSubject}
		if keep {
			args = append(args, "-d")
		}
		began := time.Now()
		out, err := exec.CommandContext(ctx, "smtp-source", append(args, addr)...).CombinedOutput()
		took := time.Since(began)
		if err != nil || len(out) > 0 {
			return "", 0, fmt.Errorf("smtp-source: %w: %s", errors.Join(err, errRefused), out)
		}
		after, err := messages(ctx, pool)
		if err != nil {
			return "", 0, err
		}
		if pool != nil && after-before != n {
			return "", 0, fmt.Errorf("%d mails became %d messages", n, after-before)
		}
		rate = float64(n) / took.Seconds()
		return fmt.Sprintf("%d mails", n), rate, nil
	}
}

var errRefused = errors.New("not every mail was taken")

func messages(ctx context.Context, pool *pgxpool.Pool) (n int, err error) {
	if pool == nil {
		return 0, nil
	}
	err = pool.QueryRow(ctx, `SELECT count(*) FROM message`).Scan(&n)
	return n, err
}

// startSink runs smtp-sink on a free port of loopback.
func startSink(ctx context.Context) (addr string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	args := []string{addr, "128"}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.CommandContext(ctx, "smtp-sink", args...)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("smtp-sink is needed as the yardstick; install postfix: %w", err)
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	for range 100 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return addr, stop, c.Close()
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			stop()
			return "", nil, err
		}
	}
	stop()
	return "", nil, errors.New("smtp-sink does not answer")
}

// keyed is a listener whose connections show a key by themselves, because
// smtp-source cannot: what the server sees is a client that does.
type keyed struct {
	net.Listener
	keys []string
	n    atomic.Int64
}

func (k *keyed) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	if err != nil {
		return nil, err
	}
	key := k.keys[int(k.n.Add(1))%len(k.keys)]
	return &keyedConn{Conn: c, auth: []byte("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00bench\x00"+key)) + "\r\n")}, nil
}

type keyedConn struct {
	net.Conn
	auth  []byte // what is still to be said after the first line
	heard bool   // the first line is through
	quiet bool   // the answer to auth was kept back
}

func (c *keyedConn) Read(p []byte) (int, error) {
	if c.heard && len(c.auth) > 0 {
		n := copy(p, c.auth)
		c.auth = c.auth[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	c.heard = c.heard || bytes.HasSuffix(p[:n], []byte("\n"))
	return n, err
}

func (c *keyedConn) Write(p []byte) (int, error) {
	if !c.quiet && bytes.HasPrefix(p, []byte("235 ")) {
		c.quiet = true
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// mails listens for the mails of a measurement.
func (a *app) benchMails(keys []string) (addr string, l net.Listener, err error) {
	if len(keys) == 0 {
		return "", nil, io.ErrUnexpectedEOF
	}
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", nil, err
	}
	return l.Addr().String(), &keyed{Listener: l, keys: keys}, nil
}
