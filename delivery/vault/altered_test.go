package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

const (
	segment = 1 << 20 // octets of ciphertext per segment; the header counts in the first
	header  = 40      // length, salt (32), nonce prefix (7)
	tag     = 16
)

func TestFlippedBitAnywhere(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		for _, size := range []int{0, 5, 50_000, 3 << 20} {
			name := fmt.Sprintf("flip-%d", size)
			content := random(size, 10)
			stored := mustPut(t, s, name, content)
			good := s.read(t, name)
			places := []int{0, 1, 16, 32, 33, 39, header, header + tag - 1, len(good) - tag, len(good) - 1}
			if size == 50_000 { // segments of 4 KiB
				places = append(places, 4095, 4096, 8192, 20_000)
			}
			if size > segment {
				places = append(places, segment-tag-1, segment-tag, segment-1, segment, segment+1, 2*segment-1, 2*segment, len(good)-tag-1)
			}
			for _, at := range places {
				bad := slices.Clone(good)
				bad[at] ^= 0x10
				s.write(t, name, bad)
				got, err := open(t.Context(), s, stored)
				if !errors.Is(err, vault.ErrAltered) {
					t.Errorf("size %d, octet %d of %d: %v", size, at, len(good), err)
				}
				if !bytes.HasPrefix(content, got) {
					t.Errorf("size %d, octet %d: gave out what was never put", size, at)
				}
			}
			s.write(t, name, good)
			mustOpen(t, s, stored, content)
		}
	})
}

func TestCutAndGrown(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		const size = 3<<20 - 200
		content := random(size, 11)
		stored := mustPut(t, s, "cut", content)
		good := s.read(t, "cut")
		for _, n := range []int{0, 1, 8, 39, header, header + 1, header + tag, segment - 1, segment, segment + 1, 2 * segment, len(good) - tag, len(good) - 1} {
			s.write(t, "cut", good[:n])
			mustFail(t, s, stored, vault.ErrAltered)
		}
		for name, bad := range map[string][]byte{
			"one more octet":    append(slices.Clone(good), 0),
			"a second tail":     append(slices.Clone(good), good[2*segment:]...),
			"twice":             append(slices.Clone(good), good...),
			"segments reversed": slices.Concat(good[:segment], good[2*segment:], good[segment:2*segment]),
			"segment left out":  slices.Concat(good[:segment], good[2*segment:]),
			"head left out":     good[header:],
			"noise":             random(len(good), 12),
		} {
			s.write(t, "cut", bad)
			if _, err := open(t.Context(), s, stored); !errors.Is(err, vault.ErrAltered) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.write(t, "cut", good)
		mustOpen(t, s, stored, content)
	})
}

func TestSwappedObjects(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		one, two := random(2000, 13), random(2000, 14)
		a, b := mustPut(t, s, "a", one), mustPut(t, s, "b", two)
		rawA, rawB := s.read(t, "a"), s.read(t, "b")
		s.write(t, "a", rawB)
		s.write(t, "b", rawA)
		mustFail(t, s, a, vault.ErrAltered)
		mustFail(t, s, b, vault.ErrAltered)
		// Nor does it help to exchange the keys with the objects: a row that
		// says "a" opens what was put as "a".
		keyB := a
		keyB.KeyID, keyB.Key = b.KeyID, b.Key
		mustFail(t, s, keyB, vault.ErrAltered)
		renamed := b
		renamed.Name = "a"
		mustFail(t, s, renamed, vault.ErrAltered)
		s.write(t, "a", rawA)
		mustFail(t, s, keyB, vault.ErrAltered)
		mustOpen(t, s, a, one)
	})
}

func TestAlteredRow(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		for _, size := range []int{0, 300, 1 << 21} {
			name := fmt.Sprintf("row-%d", size)
			good := mustPut(t, s, name, random(size, 15))
			for what, bad := range map[string]func(*delivery.Stored) error{
				"longer":        func(r *delivery.Stored) error { r.Size++; return vault.ErrAltered },
				"shorter":       func(r *delivery.Stored) error { r.Size--; return vault.ErrAltered },
				"negative":      func(r *delivery.Stored) error { r.Size = -1; return vault.ErrAltered },
				"other digest":  func(r *delivery.Stored) error { r.SHA256 = random(32, 16); return vault.ErrAltered },
				"no digest":     func(r *delivery.Stored) error { r.SHA256 = nil; return vault.ErrAltered },
				"short digest":  func(r *delivery.Stored) error { r.SHA256 = r.SHA256[:31]; return vault.ErrAltered },
				"no key":        func(r *delivery.Stored) error { r.Key = nil; return vault.ErrShredded },
				"short key":     func(r *delivery.Stored) error { r.Key = r.Key[:20]; return vault.ErrAltered },
				"noise as key":  func(r *delivery.Stored) error { r.Key = random(len(r.Key), 17); return vault.ErrAltered },
				"unknown month": func(r *delivery.Stored) error { r.KeyID = "2020-01"; return vault.ErrKeyMissing },
				"no month":      func(r *delivery.Stored) error { r.KeyID = ""; return vault.ErrKeyID },
				"path as month": func(r *delivery.Stored) error { r.KeyID = "../2026-11"; return vault.ErrKeyID },
				"other name":    func(r *delivery.Stored) error { r.Name = "other"; return vault.ErrAltered },
			} {
				row := good
				row.Key, row.SHA256 = slices.Clone(good.Key), slices.Clone(good.SHA256)
				want := bad(&row)
				if _, err := open(t.Context(), s, row); !errors.Is(err, want) {
					t.Errorf("size %d, %s: got %v, want %v", size, what, err, want)
				}
			}
			// The keyset around the key has a clear part too; whatever is flipped,
			// nothing but the content may come out.
			for i := range good.Key {
				row := good
				row.Key = slices.Clone(good.Key)
				row.Key[i] ^= 1
				r, err := s.Open(t.Context(), row)
				if err == nil {
					got, err := io.ReadAll(r)
					r.Close()
					if err == nil && len(got) != size {
						t.Errorf("size %d, key octet %d flipped: %d octets came out", size, i, len(got))
					}
				} else if !errors.Is(err, vault.ErrAltered) {
					t.Errorf("size %d, key octet %d flipped: %v", size, i, err)
				}
			}
		}
	})
}

func TestNothingReadableLies(t *testing.T) {
	t.Parallel()
	marker := []byte("CANARY 85.07.30-033.28 top secret ")
	onBoth(t, func(t *testing.T, s store) {
		content := bytes.Repeat(marker, 100_000)
		stored := mustPut(t, s, "shred", content)
		backup := slices.Clone(stored.Key)
		raw := s.read(t, "shred")
		for _, part := range [][]byte{marker, marker[:12], stored.Key, stored.SHA256, []byte("shred")} {
			if bytes.Contains(raw, part) {
				t.Errorf("the stored octets hold %q", part)
			}
		}
		mustOpen(t, s, stored, content)

		// The row forgets the key.
		stored.Key = nil
		mustFail(t, s, stored, vault.ErrShredded)
		// A backup brings it back, but the month's key is gone.
		s.clock.set(november.AddDate(2, 1, 0))
		if err := s.keys.Destroy("2026-11"); err != nil {
			t.Fatal(err)
		}
		stored.Key = backup
		mustFail(t, s, stored, vault.ErrShredded)
		if !bytes.Equal(s.read(t, "shred"), raw) {
			t.Error("the object was touched")
		}
	})
}
