package wallet

import (
	"encoding/json"
	"fmt"
	"testing"
)

// The encodings that the draft prints: every index it names, and zeros between.
//
// draft-ietf-oauth-status-list §4.1
func TestPublishedStatusLists(t *testing.T) {
	t.Parallel()
	var lists []struct {
		Bits   int
		Lst    string
		Status map[int]byte
	}
	if err := json.Unmarshal([]byte(vector(t, "status_lists.json")), &lists); err != nil {
		t.Fatal(err)
	}
	if len(lists) != 4 {
		t.Fatalf("%d lists", len(lists))
	}
	for _, l := range lists {
		t.Run(fmt.Sprint(l.Bits), func(t *testing.T) {
			t.Parallel()
			s, err := inflate(map[string]any{"bits": json.Number(fmt.Sprint(l.Bits)), "lst": l.Lst})
			if err != nil {
				t.Fatal(err)
			}
			set := 0
			for i := range 1 << 20 {
				v, ok := s.value(i)
				if !ok || v != l.Status[i] {
					t.Fatalf("status[%d] = %d, %t, want %d", i, v, ok, l.Status[i])
				}
				if v != 0 {
					set++
				}
			}
			if _, ok := s.value(1 << 20); ok || set == 0 {
				t.Errorf("past the end: %t; %d set", ok, set)
			}
		})
	}
}
