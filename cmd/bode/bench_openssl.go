package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Of "openssl speed -mr": curve bits, signatures and verifications per second.
var opensslRate = regexp.MustCompile(`(?m)^\+F\d+:\d+:256:([0-9.]+):`)

// opensslSignature is the processor time of one P-256 signature of OpenSSL on
// one core, measured for that long. It counts the time it got, not the time that
// passed, so that other programs change it little.
func opensslSignature(ctx context.Context, span time.Duration) (time.Duration, error) {
	out, err := exec.CommandContext(ctx, "openssl", "speed", "-mr", "-seconds", strconv.Itoa(max(1, int(span.Seconds()))), "ecdsap256").Output()
	if err != nil {
		return 0, fmt.Errorf("openssl is needed as the yardstick: %w", err)
	}
	return signatureTime(out)
}

func signatureTime(out []byte) (time.Duration, error) {
	m := opensslRate.FindSubmatch(out)
	if m == nil {
		return 0, errors.New("openssl speed does not say how many P-256 signatures it made")
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || rate <= 0 {
		return 0, fmt.Errorf("openssl speed: %q signatures per second", m[1])
	}
	return time.Duration(float64(time.Second) / rate), nil
}

// spent is the processor time of this process so far.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for ourselves
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tick is the unit of processor times in /proc.
const tick = 10 * time.Millisecond

// procStat is what /proc says of a process.
type procStat struct {
	parent int
	own    time.Duration // processor time
	gone   time.Duration // of children that ended
}

func readStat(text string) (s procStat, err error) {
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return s, fmt.Errorf("not the state of a process: %q", text)
	}
	var n [5]int
	for i, at := range []int{1, 11, 12, 13, 14} {
		if n[i], err = strconv.Atoi(fields[at]); err != nil {
			return s, err
		}
	}
	return procStat{n[0], time.Duration(n[1]+n[2]) * tick, time.Duration(n[3]+n[4]) * tick}, nil
}

// spentBy is the processor time that a process and its children had so far.
func spentBy(pid int) (total time.Duration, err error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // ended meanwhile
		}
		s, err := readStat(string(text))
		if err != nil {
			return 0, err
		}
		switch {
		case f == fmt.Sprintf("/proc/%d/stat", pid):
			total += s.own + s.gone
		case s.parent == pid:
			total += s.own
		}
	}
	return total, nil
}
