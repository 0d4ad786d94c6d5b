package post

import "testing"

func TestS10(t *testing.T) {
	t.Parallel()
	for serial, want := range map[string]int{"47312482": 9, "00000000": 5, "00000001": 4, "1234567": -1, "123456789": -1, "1234567x": -1, "": -1} {
		if got := S10Digit(serial); got != want {
			t.Errorf("%q: %d, want %d", serial, got, want)
		}
	}
	for id, want := range map[string]bool{"RR473124829BE": true, "RR473124828BE": false, "RR473124829": false, "rr473124829be": false, "R1473124829BE": false, "": false} {
		if ValidS10(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
