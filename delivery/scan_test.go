package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// listening is a scanner that reads some of the content and says something.
type listening struct {
	reads int64 // octets before it stops; negative: all
	found string
	err   error
	saw   chan string
}

func (l listening) Scan(_ context.Context, r io.Reader) (string, error) {
	if l.reads >= 0 {
		r = io.LimitReader(r, l.reads)
	}
	b, err := io.ReadAll(r)
	l.saw <- string(b)
	return l.found, errors.Join(l.err, err)
}

// TestUploadIsScanned: what a scanner refuses, or cannot judge, leaves nothing.
func TestUploadIsScanned(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("inhoud ", 100_000)
	unscanned := fmt.Errorf("%w: no connection", delivery.ErrUnscanned)
	for name, c := range map[string]struct {
		scanner listening
		want    error
	}{
		"clean":                      {listening{reads: -1}, nil},
		"clean, and stops listening": {listening{reads: 10}, nil},
		"found":                      {listening{reads: -1, found: "Eicar"}, delivery.ErrMalware},
		"found at once":              {listening{reads: 1, found: "Eicar"}, delivery.ErrMalware},
		"down":                       {listening{reads: 0, err: unscanned}, delivery.ErrUnscanned},
		"breaks":                     {listening{reads: 70_000, err: unscanned}, delivery.ErrUnscanned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			c.scanner.saw = make(chan string, 1)
			s := r.service(func(cfg *delivery.Config) { cfg.Scanner = c.scanner })
			d, _, err := s.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: "a.txt"}, strings.NewReader(content), delivery.Once{})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if saw := <-c.scanner.saw; c.scanner.reads < 0 && saw != content {
				t.Errorf("it saw %d of %d octets", len(saw), len(content))
			}
			want := 0
			if c.want == nil {
				if want = 1; d.Size != int64(len(content)) {
					t.Errorf("%d octets are kept", d.Size)
				}
			}
			if n := r.count(`SELECT count(*) FROM document`); n != want || r.stored() != want {
				t.Errorf("%d rows and %d objects are kept, want %d", n, r.stored(), want)
			}
		})
	}
	r := newRig(t)
	s := r.service(func(cfg *delivery.Config) { cfg.Scanner = listening{reads: -1, found: "x", saw: make(chan string, 1)} })
	broken := io.MultiReader(strings.NewReader("half"), failing{errCut})
	if _, _, err := s.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: "a.txt"}, broken, delivery.Once{}); !errors.Is(err, errCut) {
		t.Errorf("an upload that broke off: %v", err)
	}
}

var errCut = errors.New("cut off")
