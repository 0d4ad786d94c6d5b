package delivery

import (
	"strings"
	"testing"
)

func TestMobileAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"0470 12 34 56": "+32470123456", "0470/12.34.56": "+32470123456", "0470-12-34-56": "+32470123456", " 0470123456 ": "+32470123456",
		"0032 470 12 34 56": "+32470123456", "+32 (0)470 12 34 56": "+32470123456", "0032(0)470123456": "+32470123456", "+320470123456": "+32470123456",
		"+32 470 12 34 56": "+32470123456", "+32\u00a0470\u202f12\u201134\u201156": "+32470123456", "(0470) 12 34 56": "+32470123456",
		"+31 (0)6 12345678": "+31612345678", "0031612345678": "+31612345678", "+352 621 123 456": "+352621123456",
		"02 512 12 34": "+3225121234", "04 222 12 34": "+3242221234", // land lines, as such
		"": "", "twelve": "twelve", "0470 12 34": "04701234", "470123456": "470123456", "06 12345678": "0612345678", "+": "+",
		"٠٤٧٠١٢٣٤٥٦": "٠٤٧٠١٢٣٤٥٦", "0470 12 34 5x": "047012345x",
	} {
		if got := Mobile(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	for sent, want := range map[string]string{
		"+32 470 12.34/56": "+32470123456", "0032470123456": "+32470123456", "+32 (0)470 123456": "+32470123456",
		"0470123456": "0470123456", "470123456": "470123456", // of which country?
	} {
		if got := internationally(sent); got != want {
			t.Errorf("%q sent: %q, want %q", sent, got, want)
		}
	}
}

func TestNumbersThatTakeNoText(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"+32470123456": "", "+32456123456": "", "+32499999999": "", "+31612345678": "", "+352621123456": "", "+33612345678": "", "+33712345678": "",
		"+4915112345678": "", "+447700900123": "", "+12015550123": "", // where land lines and mobiles look alike

		"+3225551234": "landline", "+3242221234": "landline", "+3280012345": "landline", "+3290212345": "landline",
		"+31201234567": "landline", "+35227123456": "landline", "+33123456789": "landline", "+33145678901": "landline", "+493012345678": "landline", "+442071234567": "landline",

		"+32440123456": "mobile", "+3221234567": "mobile", "+3247012345": "mobile", "+324701234567": "mobile", "+32470abcdef": "mobile", "0470123456": "mobile", "+1": "mobile",
		"": "mobile", "+٣٢٤٧٠١٢٣٤٥٦": "mobile", "+1234567890123456": "mobile", "+99912345678": "mobile", "+32470123456\n": "mobile", "+3161234567890123": "mobile",
	}
	for number, want := range cases {
		code, example := mobileFault(number)
		if code != want || (code == "landline") != (example != "") {
			t.Errorf("%s: %q, example %q; want %q", number, code, example, want)
		}
	}
	for number, prefix := range map[string]string{"+3225551234": "+32 4", "+31201234567": "+31 6", "+35227123456": "+352 6", "+33123456789": "+33 6", "+493012345678": "+49 15"} {
		if _, example := mobileFault(number); !strings.HasPrefix(example, prefix) {
			t.Errorf("%s: example %q does not begin with %s", number, example, prefix)
		} else if code, _ := mobileFault(Mobile(example)); code != "" {
			t.Errorf("the example %s is refused: %s", example, code)
		}
	}
}
