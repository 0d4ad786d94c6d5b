package post

import "regexp"

var s10Shape = regexp.MustCompile(`^[A-Z]{2}[0-9]{9}[A-Z]{2}$`)

// S10Digit is the check digit of the eight digits of an international item
// identifier; -1 when serial is not eight digits.
//
// UPU S10
func S10Digit(serial string) int {
	weights := [8]int{8, 6, 4, 2, 3, 5, 9, 7}
	if len(serial) != len(weights) {
		return -1
	}
	sum := 0
	for i, w := range weights {
		if serial[i] < '0' || serial[i] > '9' {
			return -1
		}
		sum += w * int(serial[i]-'0')
	}
	switch d := 11 - sum%11; d {
	case 10:
		return 0
	case 11:
		return 5
	default:
		return d
	}
}

// ValidS10 reports whether id is an international item identifier with the right
// check digit: two letters, eight digits and the check digit, a country.
func ValidS10(id string) bool {
	return s10Shape.MatchString(id) && S10Digit(id[2:10]) == int(id[10]-'0')
}
