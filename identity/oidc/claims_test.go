package oidc

import (
	"errors"
	"testing"
)

func TestNationalNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                "",
		"85073003328":     "85073003328",
		"85.07.30-033.28": "85073003328",
		"85 07 30 033 28": "85073003328",
		"17073003384":     "17073003384", // born 2017
		"40000095579":     "40000095579", // birth date unknown
		"01050399864":     "01050399864",
		"99060427181":     "99060427181",
	} {
		if got, err := nationalNumber(in); err != nil || got != want {
			t.Errorf("nationalNumber(%q) = %q, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"85073003329", "8507300332", "850730033288", "85073003300", "85073003397x", "٨٥٠٧٣٠٠٣٣٢٨",
		"+8507300332", "58073003328", "85.07.30_033.28", " ", "-", "NTRBE85073003328",
	} {
		if got, err := nationalNumber(in); !errors.Is(err, ErrClaims) || got != "" {
			t.Errorf("nationalNumber(%q) = %q, %v, want ErrClaims", in, got, err)
		}
	}
}

func TestBirthDate(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"1985-07-30", "2000-02-29", "1985-07", "1985"} {
		if got := birthDate(in); got != in {
			t.Errorf("birthDate(%q) = %q", in, got)
		}
	}
	for _, in := range []string{"", "0000-07-30", "0000", "31.02.1985", "00.00.1985", "1.2.1985", "1985-13-01", "2001-02-29", "1985-7-3", "30/07/1985", "19850730", "85", "1985-07-30T00:00:00Z", "1985-00-00"} {
		if got := birthDate(in); got != "" {
			t.Errorf("birthDate(%q) = %q, want none", in, got)
		}
	}
}

func TestAudience(t *testing.T) {
	t.Parallel()
	for _, in := range []string{`{}`, `1`, `[1]`, `["a",null,{}]`} {
		var a audience
		if err := a.UnmarshalJSON([]byte(in)); err == nil {
			t.Errorf("audience %s accepted as %q", in, a)
		}
	}
}

func FuzzNationalNumber(f *testing.F) {
	f.Add("85.07.30-033.28")
	f.Fuzz(func(t *testing.T, in string) {
		got, err := nationalNumber(in)
		if err == nil && got != "" && len(got) != 11 {
			t.Errorf("%q gives %q", in, got)
		}
		if again, err2 := nationalNumber(got); err == nil && (err2 != nil || again != got) {
			t.Errorf("%q is not stable: %q, %v", got, again, err2)
		}
	})
}
