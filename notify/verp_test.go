package notify_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/notify"
)

func TestReturnPath(t *testing.T) {
	t.Parallel()
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	const domain = "bounce.bode.example"
	id := "0198f0c2-0000-7000-8000-0000000000ff"
	const longest = 1<<31 - 1
	for _, attempt := range []int{1, 8, longest} {
		addr, err := notify.ReturnPath(domain, key, id, attempt)
		if err != nil {
			t.Fatal(err)
		}
		if local, _, _ := strings.Cut(addr, "@"); len(local) > 64 || strings.ToLower(local) != local {
			t.Errorf("local part %q", local)
		}
		for _, form := range []string{addr, strings.ToUpper(addr)} {
			if n, a, err := notify.ParseReturnPath(domain, key, form); n != id || a != attempt || err != nil {
				t.Errorf("%s: %s, %d, %v", form, n, a, err)
			}
		}
	}
	good, _ := notify.ReturnPath(domain, key, id, 1)
	local, _, _ := strings.Cut(good, "@")
	head, mac, _ := strings.Cut(local, "-")
	last := strings.Index(head, ".") - 1
	bad := map[string]string{
		"another attempt":    strings.Replace(good, ".1-", ".2-", 1),
		"another notice":     strings.Replace(good, "b+ag", "b+ah", 1),
		"same bits, spelled": head[:last] + string(head[last]+1) + head[last+1:] + "-" + mac + "@" + domain,
		"zero in front":      strings.Replace(good, ".1-", ".01-", 1),
		"sign in front":      strings.Replace(good, ".1-", ".+1-", 1),
		"too many attempts":  strings.Replace(good, ".1-", ".99999999999999999999-", 1),
		"attempt 0":          strings.Replace(good, ".1-", ".0-", 1),
		"no attempt":         strings.Replace(good, ".1-", ".-", 1),
		"no code":            head + "@" + domain,
		"half a code":        local[:len(local)-8] + "@" + domain,
		"more code":          local + "a@" + domain,
		"another domain":     local + "@bounce.other.example",
		"a longer domain":    good + ".evil.example",
		"no domain":          local,
		"brackets":           "<" + good + ">",
		"space":              good + " ",
		"no mark":            strings.TrimPrefix(good, "b+"),
		"plain":              "b@" + domain,
		"empty":              "",
	}
	for i := range mac { // each character counts
		flipped := []byte(mac)
		flipped[i] = 'a' + (flipped[i]-'a'+1)%26
		bad["flipped "+string(flipped)] = head + "-" + string(flipped) + "@" + domain
	}
	for name, addr := range bad {
		if n, a, err := notify.ParseReturnPath(domain, key, addr); !errors.Is(err, notify.ErrReturnPath) {
			t.Errorf("%s: %q gives %s, %d, %v", name, addr, n, a, err)
		}
	}
	if _, _, err := notify.ParseReturnPath(domain, other, good); !errors.Is(err, notify.ErrReturnPath) {
		t.Errorf("another key: %v", err)
	}
	for _, c := range []struct {
		id      string
		attempt int
	}{{"", 1}, {"x@y", 1}, {id, 0}, {id, -1}, {id, longest + 1}} {
		if addr, err := notify.ReturnPath(domain, key, c.id, c.attempt); !errors.Is(err, notify.ErrInvalid) {
			t.Errorf("%q, %d: %q, %v", c.id, c.attempt, addr, err)
		}
	}
	two, _ := notify.ReturnPath(domain, key, uuid.NewString(), 1)
	if two == good {
		t.Error("two notices share an address")
	}
}

// Nothing that is not ours is taken, and nothing makes it panic.
func FuzzParseReturnPath(f *testing.F) {
	key := bytes.Repeat([]byte{1}, 32)
	good, _ := notify.ReturnPath("b.example", key, "0198f0c2-0000-7000-8000-0000000000ff", 3)
	f.Add(good)
	f.Add("b+.-@b.example")
	f.Fuzz(func(t *testing.T, addr string) {
		n, a, err := notify.ParseReturnPath("b.example", key, addr)
		if err != nil {
			return
		}
		if again, err := notify.ReturnPath("b.example", key, n, a); err != nil || again != strings.ToLower(addr) {
			t.Errorf("%q reads as %s, %d, written %q", addr, n, a, again)
		}
	})
}
