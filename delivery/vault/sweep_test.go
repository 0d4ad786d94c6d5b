package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/bode-erds/bode/delivery/vault"
)

func TestSweepTakesOrphansOnly(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		kept := mustPut(t, s, "messages/kept", []byte("has a row"))
		orphan := mustPut(t, s, "messages/orphan", []byte("has none"))
		forget := func(name string) bool { return name == "messages/kept" }

		n, err := s.sweep(t.Context(), time.Now().Add(-time.Hour), forget)
		if err != nil || n != 0 {
			t.Errorf("everything is young, yet %d swept, %v", n, err)
		}
		mustOpen(t, s, orphan, []byte("has none"))

		n, err = s.sweep(t.Context(), time.Now().Add(time.Hour), func(string) bool { return true })
		if err != nil || n != 0 {
			t.Errorf("everything is kept, yet %d swept, %v", n, err)
		}
		n, err = s.sweep(t.Context(), time.Now().Add(time.Hour), forget)
		if err != nil || n != 1 {
			t.Errorf("%d swept, %v; want 1", n, err)
		}
		mustFail(t, s, orphan, vault.ErrMissing)
		mustOpen(t, s, kept, []byte("has a row"))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := s.sweep(ctx, time.Now().Add(time.Hour), func(string) bool { return false }); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %d swept, %v", n, err)
		}
		mustOpen(t, s, kept, []byte("has a row"))
	})
}

func TestSweepLeavesStrangersAlone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	v, err := vault.NewDir(vault.DirConfig{Dir: root, Keys: newKeyring(t, newClock())})
	if err != nil {
		t.Fatal(err)
	}
	strangers := []string{"lost+found", "notes.txt", "ab/cd/README", "ab/cd/not-in-its-place"}
	for _, name := range strangers {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	draft := filepath.Join(root, ".drafts", "draft-1")
	if err := os.WriteFile(draft, []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := v.Sweep(t.Context(), time.Now().Add(time.Hour), func(name string) bool {
		t.Errorf("asked about %q", name)
		return false
	})
	if err != nil || n != 1 {
		t.Errorf("%d swept, %v; want the draft", n, err)
	}
	if left := files(t, root); len(left) != len(strangers) || slices.Contains(left, draft) {
		t.Errorf("left: %q", left)
	}
}

func TestSweepAbortsUnfinishedUploads(t *testing.T) {
	t.Parallel()
	onS3(t, func(t *testing.T, s store, f *fake) {
		for _, name := range []string{"messages/torn", "not ours.txt"} {
			id, err := f.core.NewMultipartUpload(t.Context(), f.bucket, name, minio.PutObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.core.PutObjectPart(t.Context(), f.bucket, name, id, 1, bytes.NewReader([]byte("x")), 1, minio.PutObjectPartOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.sweep(t.Context(), time.Now().Add(-time.Hour), func(string) bool { return false }); n != 0 || err != nil {
			t.Errorf("young: %d swept, %v", n, err)
		}
		if n, err := s.sweep(t.Context(), time.Now().Add(time.Hour), func(string) bool { return false }); n != 1 || err != nil {
			t.Errorf("%d swept, %v; want 1", n, err)
		}
		if left := s.all(t); len(left) != 1 {
			t.Errorf("left: %q", left)
		}
	})
}
