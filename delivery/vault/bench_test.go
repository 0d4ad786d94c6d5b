package vault_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var benchSizes = []int{64 << 10, 1 << 20, 100 << 20}

// BenchmarkPut compares Put with the least that could be done for the same
// promise, in the same run: SHA-256 and AES-256-GCM over the content, written
// to a new file that is synced together with its directory.
func BenchmarkPut(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s, plain := newDir(b, false), b.TempDir()
			content, n := random(size, 60), 0
			compare(b, size, func() error {
				n++
				return leastPut(filepath.Join(plain, fmt.Sprint(n)), content)
			}, func() error {
				_, err := s.Put(b.Context(), fmt.Sprintf("bench-%d", n), bytes.NewReader(content))
				return err
			}, func() error {
				return os.Remove(filepath.Join(plain, fmt.Sprint(n)))
			}, func() error { return s.Delete(b.Context(), fmt.Sprintf("bench-%d", n)) })
		})
	}
}

// BenchmarkOpen compares reading to the end with reading a plain file,
// AES-256-GCM and SHA-256.
func BenchmarkOpen(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s, plain := newDir(b, false), filepath.Join(b.TempDir(), "plain")
			content := random(size, 61)
			stored := mustPut(b, s, "bench", content)
			if err := leastPut(plain, content); err != nil {
				b.Fatal(err)
			}
			nop := func() error { return nil }
			compare(b, size, func() error { return leastOpen(plain) }, func() error {
				r, err := s.Open(b.Context(), stored)
				if err != nil {
					return err
				}
				defer r.Close()
				_, err = io.Copy(io.Discard, r)
				return err
			}, nop, nop)
		})
	}
}

// compare times limit and ours in turn and reports both rates and their ratio.
func compare(b *testing.B, size int, limit, ours, cleanLimit, cleanOurs func() error) {
	b.Helper()
	var spent [2]time.Duration
	b.ReportAllocs()
	for b.Loop() {
		for i, do := range []func() error{limit, ours} {
			begun := time.Now()
			if err := do(); err != nil {
				b.Fatal(err)
			}
			spent[i] += time.Since(begun)
		}
		b.StopTimer()
		if err := cleanLimit(); err != nil {
			b.Fatal(err)
		}
		if err := cleanOurs(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	rate := func(d time.Duration) float64 { return float64(size) * float64(b.N) / d.Seconds() / 1e6 }
	b.ReportMetric(rate(spent[0]), "limit-MB/s")
	b.ReportMetric(rate(spent[1]), "MB/s")
	b.ReportMetric(spent[0].Seconds()/spent[1].Seconds(), "of-limit")
}

const leastChunk = 1 << 20

func leastCipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func leastPut(path string, content []byte) error {
	gcm, err := leastCipher()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	digest, sealed := sha256.New(), make([]byte, 0, leastChunk+gcm.Overhead())
	for len(content) > 0 {
		n := min(leastChunk, len(content))
		digest.Write(content[:n])
		if _, err := f.Write(gcm.Seal(sealed, make([]byte, 12), content[:n], nil)); err != nil {
			return err
		}
		content = content[n:]
	}
	if err := f.Sync(); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func leastOpen(path string) error {
	gcm, err := leastCipher()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	digest, buf := sha256.New(), make([]byte, leastChunk+gcm.Overhead())
	for {
		n, err := io.ReadFull(f, buf)
		if n == 0 && err == io.EOF {
			return nil
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return err
		}
		plain, err := gcm.Open(buf[:0], make([]byte, 12), buf[:n], nil)
		if err != nil {
			return err
		}
		digest.Write(plain)
	}
}
