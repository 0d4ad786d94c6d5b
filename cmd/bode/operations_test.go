package main

import "testing"

// Errors of peers repeat what they were told; operators see none of it.
func TestMasked(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"550 5.1.1 <an.peeters@example.be>: no such user": "550 5.1.1 <…>: no such user",
		"to=an@example.be, relay refused":                 "to=…, relay refused",
		"number +32 470 12 34 56 is off":                  "number … is off",
		"85.07.30-033.28 unknown":                         "… unknown",
		"dial tcp: connection refused":                    "dial tcp: connection refused",
		"":                                                "",
	} {
		if got := masked(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
