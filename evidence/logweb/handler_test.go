package logweb_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	merkle "golang.org/x/mod/sumdb/tlog"

	"github.com/bode-erds/bode/evidence/logweb"
)

// serve serves s under /log/.
func serve(t testing.TB, s logweb.Store) *httptest.Server {
	t.Helper()
	h, err := logweb.NewHandler(logweb.HandlerConfig{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/log", h))
	t.Cleanup(server.Close)
	return server
}

func ask(t testing.TB, method, url string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestServed(t *testing.T) {
	t.Parallel()
	s := newStore(t, 70000)
	server := serve(t, s)
	const octets, text, forever = "application/octet-stream", "text/plain; charset=utf-8", "public, max-age=31536000, immutable"
	for path, want := range map[string]struct {
		media, cache string
		body         []byte
	}{
		"checkpoint":             {text, "no-cache", s.checkpoint},
		"tile/0/000":             {octets, forever, s.tiles[at{0, 0}]},
		"tile/0/272":             {octets, forever, s.tiles[at{0, 272}]},
		"tile/0/273.p/112":       {octets, forever, s.tiles[at{0, 273}]},
		"tile/0/273.p/1":         {octets, forever, s.tiles[at{0, 273}][:32]}, // of an earlier checkpoint
		"tile/0/000.p/255":       {octets, forever, s.tiles[at{0, 0}][:255*32]},
		"tile/1/000":             {octets, forever, s.tiles[at{1, 0}]},
		"tile/1/001.p/17":        {octets, forever, s.tiles[at{1, 1}]},
		"tile/2/000.p/1":         {octets, forever, s.tiles[at{2, 0}]},
		"tile/entries/000":       {octets, forever, bundle(0, 256)},
		"tile/entries/273.p/112": {octets, forever, bundle(273*256, 70000)},
		"tile/entries/273.p/2":   {octets, forever, bundle(273*256, 273*256+2)},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			resp, body := ask(t, method, server.URL+"/log/"+path)
			if method == http.MethodHead {
				if len(body) != 0 || resp.ContentLength != int64(len(want.body)) {
					t.Errorf("HEAD %s: %d octets, promises %d", path, len(body), resp.ContentLength)
				}
				body = want.body
			}
			h := resp.Header
			if resp.StatusCode != 200 || !bytes.Equal(body, want.body) || h.Get("Content-Type") != want.media ||
				h.Get("Cache-Control") != want.cache || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s: %d, %d octets, %v", method, path, resp.StatusCode, len(body), h)
			}
		}
	}
}

// bundle is what https://c2sp.org/tlog-tiles makes of these entries.
func bundle(from, to int64) []byte {
	var b []byte
	for _, e := range entries(from, to) {
		b = append(binary.BigEndian.AppendUint16(b, 32), e[:]...)
	}
	return b
}

func TestNotServed(t *testing.T) {
	t.Parallel()
	server := serve(t, newStore(t, 70000))
	for _, path := range []string{
		"", "index.html", "checkpoint/", "Checkpoint", "tile", "tile/", "tile/0", "tile/0/", "tile//000", "tile/0/0", "tile/0/00", "tile/0/0000",
		"tile/0/273", "tile/0/273.p/113", "tile/0/273.p/256", "tile/0/273.p/0", "tile/0/273.p/01", "tile/0/273.p/+1", "tile/0/273.p/-1", "tile/0/273.p/",
		"tile/0/273.p", "tile/0/273.P/1", "tile/0/274.p/1", "tile/00/000", "tile/+0/000", "tile/-1/000", "tile/2/000", "tile/3/000.p/1", "tile/64/000", "tile/999/000",
		"tile/0/x000/000", "tile/0/001/000", "tile/0/x001", "tile/0/x1/000", "tile/0/x001/x000", "tile/0/1e1", "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
		"tile/data/000", "tile/entries", "tile/entries/", "tile/entries/273", "tile/entries/273.p/113", "tile/entries/274", "tile/Entries/000", "tile/8/0/000",
		"entries", "entries/000", "tile/0/000/", "tile/0/000%00", "tile/0/%2e%2e/000", "tile/0/٠٠٠",
	} {
		resp, body := ask(t, http.MethodGet, server.URL+"/log/"+path)
		if resp.StatusCode != 404 || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d, %d octets, %v", path, resp.StatusCode, len(body), resp.Header)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
		if resp, _ := ask(t, method, server.URL+"/log/checkpoint"); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
	}
	empty := serve(t, &store{})
	if resp, _ := ask(t, "GET", empty.URL+"/log/checkpoint"); resp.StatusCode != 404 {
		t.Errorf("no checkpoint yet: %d", resp.StatusCode)
	}
	failing := newStore(t, 300)
	failing.fail = errors.New("secret of the database")
	for _, path := range []string{"checkpoint", "tile/0/000", "tile/entries/000"} {
		resp, body := ask(t, "GET", serve(t, failing).URL+"/log/"+path)
		if resp.StatusCode != 500 || bytes.Contains(body, []byte("secret")) || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %s", path, resp.StatusCode, body)
		}
	}
	if _, err := logweb.NewHandler(logweb.HandlerConfig{}); !errors.Is(err, logweb.ErrConfig) {
		t.Error(err)
	}
}

func TestTilePath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		level int
		index int64
		w     int
	}{
		"tile/0/000":                {0, 0, 256},
		"tile/63/x001/x234/067.p/1": {63, 1234067, 1},
		"tile/entries/x001/067":     {-1, 1067, 256},
		"tile/entries/999.p/255":    {-1, 999, 255},
		"tile/2/x999/999":           {2, 999999, 256},
	} {
		if got := logweb.TilePath(want.level, want.index, want.w); got != path {
			t.Errorf("%+v: %s, want %s", want, got, path)
		}
		level, index, w, ok := logweb.ParseTilePath(path)
		if !ok || level != want.level || index != want.index || w != want.w {
			t.Errorf("%s: %d, %d, %d, %t", path, level, index, w, ok)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/x001/067.p/1", "tile/entries/000", "tile/data/000", "tile/8/0/000", "tile/63/x009/x223/x372/x036/x854/x775/807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		level, index, w, ok := logweb.ParseTilePath(path)
		if !ok {
			return
		}
		if level < -1 || level > 63 || index < 0 || w < 1 || w > 256 || logweb.TilePath(level, index, w) != path {
			t.Fatalf("%q: %d, %d, %d", path, level, index, w)
		}
		if other, err := torchwood.ParseTilePath(path); err != nil || other.L != level || other.N != index || other.W != w {
			t.Fatalf("torchwood reads %q as %+v, %v", path, other, err)
		}
	})
}

// Torchwood's client follows our log over HTTP: every entry, checked against the
// tiles and the signed checkpoint.
func TestTorchwoodFollows(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1, 255, 256, 257, 1030, 70000} {
		s := newStore(t, size)
		fetcher, err := torchwood.NewTileFetcher(serve(t, s).URL + "/log/")
		if err != nil {
			t.Fatal(err)
		}
		client, err := torchwood.NewClient(fetcher)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := fetcher.ReadEndpoint(t.Context(), "checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		v, err := note.NewVerifier(s.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := torchwood.VerifyCheckpoint(signed, torchwood.ThresholdPolicy(2, torchwood.OriginPolicy("erds.example/log"), torchwood.SingleVerifierPolicy(v)))
		if err != nil || c.N != size {
			t.Fatalf("size %d: %+v, %v", size, c, err)
		}
		var n int64
		for i, got := range client.AllEntries(t.Context(), c.Tree, 0) {
			if want := entry(i); i != n || !bytes.Equal(got, want[:]) {
				t.Fatalf("size %d: entry %d is %x", size, i, got)
			}
			n++
		}
		if client.Err() != nil || n != size {
			t.Errorf("size %d: %d entries, %v", size, n, client.Err())
		}
		_, p, err := client.Entry(t.Context(), c.Tree, size/2)
		if e := entry(size / 2); err != nil || merkle.CheckRecord(p, c.N, c.Hash, size/2, merkle.RecordHash(e[:])) != nil {
			t.Errorf("size %d: proof of %d: %v", size, size/2, err)
		}
	}
}

// spoilt changes one octet of one tile.
type spoilt struct {
	*store
	at at
}

func (s spoilt) Tile(ctx context.Context, level int, index int64) ([]byte, error) {
	b, err := s.store.Tile(ctx, level, index)
	if s.at == (at{level, index}) {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
	}
	return b, err
}

// A client in another language, without any of our code, follows the log, and
// notices what does not fit.
func TestPythonFollows(t *testing.T) {
	t.Parallel()
	large, s, other := newStore(t, 70000), newStore(t, 600), newStore(t, 600)
	for _, c := range []struct {
		name  string
		store logweb.Store
		key   string
		want  string
	}{
		{"large", large, large.key.Public(), "in order: 70000 entries, 277 tiles"},
		{"other key", s, other.key.Public(), "refused: erds.example/log did not sign"},
		{"entry changed", spoilt{s, at{-1, 1}}, s.key.Public(), "refused: the entries do not give the root"},
		{"hash changed", spoilt{s, at{0, 2}}, s.key.Public(), "refused: tile 2 of level 0 differs"},
		{"upper hash changed", spoilt{s, at{1, 0}}, s.key.Public(), "refused: tile 0 of level 1 differs"},
		{"nothing there", &store{}, s.key.Public(), "refused: HTTP Error 404"},
	} {
		out, err := exec.CommandContext(t.Context(), "python3", "../testdata/oracle/tlog.py", "follow", serve(t, c.store).URL+"/log/", c.key).CombinedOutput()
		if ok := strings.HasPrefix(c.want, "in order"); !strings.HasPrefix(string(out), c.want) || (err == nil) != ok {
			t.Errorf("%s: %v, %s", c.name, err, out)
		}
	}
}
