//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package pgproc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestFindSortsMajorsAsNumbers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, v := range []string{"9", "14", "15", "18", "100"} {
		fakeBin(t, filepath.Join(root, v, "bin"), v+".4", "exit 1")
	}
	got := candidates(t.Context(), []string{filepath.Join(root, "*", "bin")})
	var order []string
	for _, dir := range got {
		if strings.HasPrefix(dir, root) {
			order = append(order, filepath.Base(filepath.Dir(dir)))
		}
	}
	if want := "100 18 15 14 9"; strings.Join(order, " ") != want {
		t.Errorf("order %v, want %s", order, want)
	}
}

func TestFindTakesTheMajorAskedFor(t *testing.T) {
	t.Setenv("BODE_PG_BIN", "")
	root := t.TempDir()
	for _, v := range []int{97, 98, 99} {
		fakeBin(t, filepath.Join(root, strconv.Itoa(v)), strconv.Itoa(v)+".1", "exit 1")
	}
	b, err := Find(t.Context(), Search{Major: 98, Globs: []string{filepath.Join(root, "*")}})
	if err != nil || b.Major != 98 || filepath.Base(b.Dir) != "98" {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	notExec := filepath.Join(root, "notexec")
	fakeBin(t, notExec, "17.1", "exit 1")
	if err := os.Chmod(filepath.Join(notExec, "postgres"), 0o644); err != nil {
		t.Fatal(err)
	}
	onlyServer := fakeBin(t, filepath.Join(root, "half"), "17.1", "exit 1")
	if err := os.Remove(filepath.Join(onlyServer, "initdb")); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Search{
		"nothing there":   {BinDir: filepath.Join(root, "none")},
		"too old":         {BinDir: fakeBin(t, filepath.Join(root, "old"), "14.9", "exit 1")},
		"very old":        {BinDir: fakeBin(t, filepath.Join(root, "vold"), "9.6.24", "exit 1")},
		"other major":     {BinDir: fakeBin(t, filepath.Join(root, "new"), "18.1", "exit 1"), Major: 17},
		"talks nonsense":  {BinDir: fakeBin(t, filepath.Join(root, "odd"), "x", "exit 1")},
		"not executable":  {BinDir: notExec},
		"server only":     {BinDir: onlyServer},
		"major unknown":   {Major: 96, Globs: []string{filepath.Join(root, "*")}},
		"no such version": {Major: 1000, Globs: []string{}},
	} {
		if b, err := Find(t.Context(), s); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %+v, %v; want ErrNotFound", name, b, err)
		}
	}
}

func TestFindNamesWhatToInstall(t *testing.T) {
	t.Setenv("BODE_PG_BIN", "")
	_, err := Find(t.Context(), Search{Major: 1000})
	if err == nil || !strings.Contains(err.Error(), "install the package postgresql") {
		t.Errorf("got %v", err)
	}
}

func TestFindStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := fakeBin(t, t.TempDir(), "18.1", "exit 1")
	if _, err := Find(ctx, Search{BinDir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
