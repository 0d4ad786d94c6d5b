package vault_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

var _ delivery.Box = (*vault.Keyring)(nil)

func TestSmallContent(t *testing.T) {
	t.Parallel()
	c := newClock()
	keys := newKeyring(t, c)
	for _, size := range []int{0, 1, 20_000} {
		plain := random(size, 70)
		sealed, s, err := keys.SealSmall("account/text", plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.OpenSmall(s, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("size %d: %v", size, err)
		}
		for what, bad := range map[string]func(*delivery.Stored, *[]byte) error{
			"flipped first": func(_ *delivery.Stored, b *[]byte) error { (*b)[0] ^= 1; return vault.ErrAltered },
			"flipped last":  func(_ *delivery.Stored, b *[]byte) error { (*b)[len(*b)-1] ^= 1; return vault.ErrAltered },
			"cut":           func(_ *delivery.Stored, b *[]byte) error { *b = (*b)[:len(*b)-1]; return vault.ErrAltered },
			"empty":         func(_ *delivery.Stored, b *[]byte) error { *b = nil; return vault.ErrAltered },
			"other name":    func(s *delivery.Stored, _ *[]byte) error { s.Name = "account/other"; return vault.ErrAltered },
			"other size":    func(s *delivery.Stored, _ *[]byte) error { s.Size++; return vault.ErrAltered },
			"other digest":  func(s *delivery.Stored, _ *[]byte) error { s.SHA256 = random(32, 71); return vault.ErrAltered },
			"no key":        func(s *delivery.Stored, _ *[]byte) error { s.Key = nil; return vault.ErrShredded },
			"other month":   func(s *delivery.Stored, _ *[]byte) error { s.KeyID = "2020-01"; return vault.ErrKeyMissing },
		} {
			row, b := s, slices.Clone(sealed)
			want := bad(&row, &b)
			if _, err := keys.OpenSmall(row, b); !errors.Is(err, want) {
				t.Errorf("size %d, %s: got %v, want %v", size, what, err, want)
			}
		}
	}
	for _, name := range []string{"", "Account/text", "../text"} {
		if _, _, err := keys.SealSmall(name, nil); !errors.Is(err, vault.ErrName) {
			t.Errorf("SealSmall %q: %v", name, err)
		}
	}
}

func TestSmallContentIsShreddedLikeAllOther(t *testing.T) {
	t.Parallel()
	c := newClock()
	keys := newKeyring(t, c)
	sealed, s, err := keys.SealSmall("account/text", []byte("CANARY"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("CANARY")) {
		t.Error("the sealed octets can be read")
	}
	c.set(december)
	held, err := keys.Rewrap(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Destroy("2026-11"); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.OpenSmall(s, sealed); !errors.Is(err, vault.ErrShredded) {
		t.Errorf("got %v", err)
	}
	if got, err := keys.OpenSmall(held, sealed); err != nil || string(got) != "CANARY" {
		t.Errorf("held: %q, %v", got, err)
	}
}

// TestSmallAndStoredDoNotMix: a key of one kind opens nothing of the other.
func TestSmallAndStoredDoNotMix(t *testing.T) {
	t.Parallel()
	s := newDir(t, false)
	sealed, small, err := s.keys.SealSmall("mixed", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	stored := mustPut(t, s, "mixed", []byte("x"))
	mustFail(t, s, small, vault.ErrAltered)
	if _, err := s.keys.OpenSmall(stored, sealed); !errors.Is(err, vault.ErrAltered) {
		t.Errorf("got %v", err)
	}
}
