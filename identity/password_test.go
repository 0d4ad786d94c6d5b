package identity

import "testing"

// TestHouseWords: a password that is little more than our name or trade is as good
// as none; one that only has such a word in it is somebody's own.
func TestHouseWords(t *testing.T) {
	t.Parallel()
	h, err := newHasher(Cost{Memory: 64, Time: 1, Threads: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for password, good := range map[string]bool{"aangetekend7x": false, "Registered!42": false, "mijn-einschreiben": false, "RECOMMANDÉ-2026": false, "delivery98765": false,
		"de bode bracht een regenboog": true, "twaalf zendingen per maandag": true} {
		if faults := h.check(password); (len(faults) == 0) != good {
			t.Errorf("%s: %v", password, faults)
		}
	}
}
