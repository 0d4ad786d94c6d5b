package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// drillDisk fills disks.
type drillDisk struct {
	Clients int           `help:"Connections that submit; one in four writes mails." default:"8"`
	Span    time.Duration `help:"Time that a disk stays full." default:"5s"`
	Bound   time.Duration `help:"Longest time to the next acknowledgement once there is room." default:"10s"`
	What    []string      `help:"Disks to fill, in turn." enum:"data,wal,content" default:"data,wal,content"`
}

// What the small disks hold.
const (
	dataRoom    = 400 << 20
	walRoom     = 160 << 20
	contentRoom = 64 << 20
)

// cramped is a service with three small disks.
type cramped struct {
	drillDisk
	*bench
	service *subject
	senders *senders

	mu      sync.Mutex
	guarded bool // the server is started again when it ends; guarded by mu
}

// Run fills one disk after the other with somebody else's file, looks at the
// answers, gives the room back and waits. Nobody touches the service; the database
// is started again as an init system does it.
func (c drillDisk) Run(ctx context.Context, log *slog.Logger) (err error) {
	if inside, err := ownMounts(ctx); !inside {
		return err
	}
	d, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	pressing, stop := context.WithCancel(ctx)
	defer stop()
	d.senders = &senders{base: d.service.BaseURL, mails: d.service.Mails, keys: d.service.Keys, prefix: "DISK", documents: true}
	d.senders.start(pressing, c.Clients)
	var faults []error
	for _, what := range c.What {
		if err := d.fill(ctx, what); err != nil {
			faults = append(faults, err)
		}
	}
	stop()
	d.senders.clients.Wait()
	return errors.Join(append(faults, d.judge(ctx))...)
}

// open puts data, log and content on disks of their own.
func (c drillDisk) open(ctx context.Context, log *slog.Logger) (d *cramped, err error) {
	dir, remove, err := demoDir("")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	d = &cramped{drillDisk: c, bench: &bench{dir: dir, log: log}, guarded: true}
	for name, octets := range map[string]int64{"postgres": dataRoom, "wal": walRoom, "bode/content": contentRoom} {
		if err := smallDisk(filepath.Join(dir, name), octets); err != nil {
			return nil, err
		}
	}
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	if err := d.moveLog(ctx); err != nil {
		return nil, err
	}
	go d.guard(ctx)
	d.service, err = d.subject(ctx, "bode", d.server.URL(), "--keys", strconv.Itoa(benchKeyCount), "--workers", "--mails")
	return d, err
}

func (d *cramped) start(ctx context.Context) error {
	server, err := pgproc.Start(ctx, pgproc.Config{Dir: filepath.Join(d.dir, "postgres"), StartTimeout: 5 * time.Minute,
		Settings: map[string]string{"max_wal_size": "96MB", "min_wal_size": "32MB", "checkpoint_timeout": "30s"}})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server = server
	return nil
}

// moveLog puts the write-ahead log on its own disk.
func (d *cramped) moveLog(ctx context.Context) error {
	if err := d.server.Stop(ctx); err != nil {
		return err
	}
	from, to := filepath.Join(d.dir, "postgres", "data", "pg_wal"), filepath.Join(d.dir, "wal", "pg_wal")
	if err := moveTree(from, to); err != nil {
		return err
	}
	if err := os.Symlink(to, from); err != nil {
		return err
	}
	return d.start(ctx)
}

// guard starts the database again a second after it ended, as an init system with
// "restart always" does.
func (d *cramped) guard(ctx context.Context) {
	for ctx.Err() == nil {
		d.mu.Lock()
		server, on := d.server, d.guarded
		d.mu.Unlock()
		if !on {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-server.Done():
		}
		_ = pause(ctx, time.Second)
		d.mu.Lock()
		on = d.guarded
		d.mu.Unlock()
		if !on {
			return
		}
		_ = server.Stop(ctx) // lets go of the instance
		_ = d.start(ctx)     // in vain while there is no room: again in a second
	}
}

// place is where a disk is mounted.
func (d *cramped) place(what string) string {
	return filepath.Join(d.dir, map[string]string{"data": "postgres", "wal": "wal", "content": "bode/content"}[what])
}

// fill fills a disk, waits, and gives the room back.
func (d *cramped) fill(ctx context.Context, what string) error {
	if err := pause(ctx, d.Span/2); err != nil {
		return err
	}
	ballast := filepath.Join(d.place(what), "ballast")
	before := d.senders.answers()
	full, eaten := make(chan struct{}), make(chan struct{})
	go func() { eat(ctx, ballast, full, eaten) }()
	select {
	case <-full:
	case <-ctx.Done():
		return ctx.Err()
	}
	// What is written already has its room: wait until something needs more.
	for began := time.Now(); time.Since(began) < d.Span || !refused(d.senders.answers(), before) && time.Since(began) < 10*d.Span; {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	during := difference(d.senders.answers(), before)
	close(eaten)
	if err := os.Remove(ballast); err != nil {
		return err
	}
	freed := time.Now()
	back := time.Duration(-1)
	for n := d.senders.count(); time.Since(freed) < 4*d.Bound; {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
		if d.senders.count() > n+d.Clients { // not only what was answered already
			back = time.Since(freed)
			break
		}
	}
	say("%s full for %s or longer: answers by status %s; acknowledging again %s after there was room", what, d.Span, statuses(during), back.Round(time.Millisecond))
	var faults []error
	if !refused(during, nil) {
		faults = append(faults, fmt.Errorf("%w: %s was never too full for anything", errNothingShown, what))
	}
	if during[500] > 0 {
		faults = append(faults, fmt.Errorf("%w: %s: %d answers say 500", errRefusedBadly, what, during[500]))
	}
	if back < 0 || back > d.Bound {
		faults = append(faults, fmt.Errorf("%w: %s: recovery took %s", errSlow, what, back))
	}
	return errors.Join(faults...)
}

// eat takes all room there is, says so, and takes what becomes free meanwhile,
// until it is told to stop.
func eat(ctx context.Context, path string, full chan<- struct{}, stop <-chan struct{}) {
	said := sync.OnceFunc(func() { close(full) })
	defer said()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for {
		n, err := f.Write(block)
		if err == nil {
			continue
		}
		if n == 0 && len(block) > 4096 {
			block = block[:len(block)/2]
			continue
		}
		said()
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// refused reports whether anything was refused for want of room since before.
func refused(now, before map[int]int) bool {
	d := difference(now, before)
	return d[503]+d[452]+d[451] > 0
}

func difference(now, before map[int]int) map[int]int {
	all := map[int]int{}
	for code, n := range now {
		if n > before[code] {
			all[code] = n - before[code]
		}
	}
	return all
}

// statuses writes counts by status in order.
func statuses(all map[int]int) string {
	var codes []int
	for code := range all {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	var parts []string
	for _, code := range codes {
		name := strconv.Itoa(code)
		if code == 0 {
			name = "none"
		}
		parts = append(parts, fmt.Sprintf("%s: %d", name, all[code]))
	}
	return strings.Join(parts, ", ")
}

// judge compares and checks.
func (d *cramped) judge(ctx context.Context) error {
	there, err := stored(ctx, d.server.URL(), "DISK")
	if err != nil {
		return err
	}
	v := compare(d.senders.told, there)
	_ = d.service.Close() // fsck is of what stands still
	d.service = nil
	faults := fsckAgain(ctx, filepath.Join(d.dir, "bode"), d.server.URL())
	say("%s; %d refusals did not say when to try again; fsck: %s", v, d.senders.unhelpful, outcomeOf(faults))
	if d.senders.unhelpful > 0 {
		faults = errors.Join(faults, fmt.Errorf("%w: %d without Retry-After", errRefusedBadly, d.senders.unhelpful))
	}
	return errors.Join(faults, v.fault(0))
}

// Close ends everything; the disks go with the namespace.
func (d *cramped) Close() error {
	d.mu.Lock()
	d.guarded = false
	d.mu.Unlock()
	if d.service != nil {
		_ = d.service.Close()
	}
	err := d.server.Stop(context.Background())
	for _, what := range []string{"data", "wal", "content"} {
		err = errors.Join(err, letGo(d.place(what)))
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}
