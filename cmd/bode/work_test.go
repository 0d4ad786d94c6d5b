package main

import (
	"errors"
	"testing"
)

// TestInParts repeats a removal while it finds a whole part, and not for ever.
func TestInParts(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		found []int // by each call; then nothing
		err   error
		calls int
	}{
		"nothing": {nil, nil, 1}, "less than a part": {[]int{part - 1}, nil, 1}, "a part": {[]int{part}, nil, 2}, "three": {[]int{part, part, 7}, nil, 3},
		"an error": {[]int{part}, down, 1},
	} {
		calls := 0
		err := inParts(func() (n int, err error) {
			if calls < len(c.found) {
				n = c.found[calls]
			}
			calls++
			return n, c.err
		})
		if calls != c.calls || !errors.Is(err, c.err) {
			t.Errorf("%s: %d calls, %v; want %d, %v", name, calls, err, c.calls, c.err)
		}
	}
	calls := 0
	if err := inParts(func() (int, error) { calls++; return part, nil }); err != nil || calls != parts {
		t.Errorf("without end: %d calls, %v", calls, err)
	}
}
