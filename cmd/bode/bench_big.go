package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// benchBig takes a large document through the service: uploaded by REST,
// collected through the recipient's pages.
type benchBig struct {
	MiB int64 `help:"Size of the document." default:"1024"`
	Max int64 `help:"MiB of memory that each way may add before this fails." default:"64"`
}

// Run prints by how much the most memory that the service ever held grows.
func (c benchBig) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s, err := b.subject(ctx, "bode", b.server.URL(), "--workers")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p := &player{outsider: outsider{info: s.info, client: &http.Client{Timeout: 30 * time.Minute}}}

	// Once in small, so that everything that is made at first use has been made.
	if err := c.through(ctx, p, s, "small", 1<<20, nil); err != nil {
		return err
	}
	var grown []int64
	if err := c.through(ctx, p, s, "big", c.MiB<<20, &grown); err != nil {
		return err
	}
	for _, g := range grown {
		if g > c.Max<<10 {
			return fmt.Errorf("memory grew by %d MiB, more than %d", g>>10, c.Max)
		}
	}
	return nil
}

// through sends a document of size octets all the way and adds to grown by how
// many KiB the service's peak memory rose on the way in and on the way out.
func (c benchBig) through(ctx context.Context, p *player, s *subject, name string, size int64, grown *[]int64) error {
	if grown == nil {
		grown = new([]int64)
	}
	var id string
	if err := s.watch(fmt.Sprintf("%s: upload of %d MiB", name, size>>20), size, grown, func() (err error) {
		id, err = p.uploadZeros(ctx, name+".bin", size)
		return err
	}); err != nil {
		return err
	}
	who := cast[0]
	var m struct{ Deliveries []struct{ ID string } }
	if err := p.call(ctx, http.MethodPost, "/messages", map[string]any{
		"subject": "Plannen", "body": "Bijlage: " + name, "documents": []string{id}, "recipients": []any{map[string]any{
			"name": map[string]string{"given": who.given, "family": who.family}, "email": who.email, "mobile": who.mobile, "language": who.language,
			"postal_address": map[string]any{"lines": who.lines, "postcode": who.postcode, "city": who.city, "country": "BE"},
			"identification": map[string]string{"birth_date": who.birth},
		}},
	}, &m); err != nil {
		return err
	}
	p.delivered = []string{m.Deliveries[0].ID}
	if err := p.state(ctx, 0, delivery.Notified); err != nil {
		return err
	}
	browser, err := p.arrive(ctx, 0)
	if err != nil {
		return err
	}
	if err := browser.submit(ctx, "/accept", nil); err != nil {
		return err
	}
	if err := s.watch(fmt.Sprintf("%s: download of %d MiB", name, size>>20), size, grown, func() error {
		var n counter
		if err := browser.save(ctx, "/documents/1", &n); err != nil {
			return err
		}
		if int64(n) != size {
			return fmt.Errorf("%d octets came out", n)
		}
		return nil
	}); err != nil {
		return err
	}
	return p.state(ctx, 0, delivery.Consigned, delivery.HandedOver)
}

// uploadZeros uploads size octets without holding them.
func (o outsider) uploadZeros(ctx context.Context, filename string, size int64) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.info.BaseURL+"/api/v1/documents?filename="+filename,
		io.LimitReader(zeros{}, size))
	if err != nil {
		return "", err
	}
	r.ContentLength = size
	r.Header.Set("Authorization", "Bearer "+o.info.TestKey)
	r.Header.Set("Content-Type", "application/octet-stream")
	resp, err := o.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 2<<10))
		return "", fmt.Errorf("upload: %s: %s", resp.Status, text)
	}
	var d struct{ ID string }
	return d.ID, json.NewDecoder(resp.Body).Decode(&d)
}

// zeros never ends. What is stored is encrypted, so the content does not matter.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// watch does something and reports by how much the peak of the service's
// resident memory rose above what it held before.
func (s *subject) watch(what string, size int64, grown *[]int64, do func() error) error {
	// Resets the peak to what is held now (Linux). Where it is refused, the peak
	// since the start counts, which can only be larger.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.PID), []byte("5"), 0)
	before, err := memory(s.PID, "VmRSS")
	if err != nil {
		return err
	}
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	took := time.Since(began)
	peak, err := memory(s.PID, "VmHWM")
	if err != nil {
		return err
	}
	*grown = append(*grown, peak-before)
	say("%-28s %6.1f s, %6.1f MiB/s; resident %.1f MiB before, %.1f MiB at most: grown by %.1f MiB", what, took.Seconds(),
		float64(size)/(1<<20)/took.Seconds(), mib(before), mib(peak), mib(peak-before))
	return nil
}

func mib(kib int64) float64 { return float64(kib) / 1024 }

// memory reads a field of a process's status, in KiB.
func memory(pid int, field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory is read from /proc: %w", err)
	}
	return memoryOf(text, field)
}

var statusLine = regexp.MustCompile(`(?m)^(\w+):\s+(\d+) kB$`)

func memoryOf(status []byte, field string) (int64, error) {
	for _, m := range statusLine.FindAllSubmatch(status, -1) {
		if bytes.Equal(m[1], []byte(field)) {
			return strconv.ParseInt(string(m[2]), 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in the status of the process", field)
}
