package logweb

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// Store is where the published log is kept. Implementations are safe for
// concurrent use and never show what is not covered by the checkpoint.
type Store interface {
	// Checkpoint returns the last signed checkpoint, with the cosignatures that
	// came; nothing before there is one.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Tile returns the hashes of a tile, 32 octets each, at level -1 the entries;
	// nothing for a tile that is not there.
	Tile(ctx context.Context, level int, index int64) ([]byte, error)
}

// HandlerConfig of a [NewHandler].
type HandlerConfig struct {
	// Store is what is served.
	Store Store
	// Log is told when the store fails. Default slog.Default.
	Log *slog.Logger
}

// NewHandler serves the log at "/checkpoint", "/tile/<level>/<index>" and
// "/tile/entries/<index>", to GET and HEAD from anywhere; put
// [http.StripPrefix] around it. Errors: [ErrConfig]. https://c2sp.org/tlog-tiles
func NewHandler(cfg HandlerConfig) (http.Handler, error) {
	if cfg.Store == nil {
		return nil, fmt.Errorf("%w: no store", ErrConfig)
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return handler(cfg), nil
}

type handler HandlerConfig

// How long an answer may be kept. A checkpoint is replaced all the time; what a
// tile holds up to a width never changes.
const (
	cacheNever   = "no-store"
	cacheAsk     = "no-cache"
	cacheForever = "public, max-age=31536000, immutable"
)

// ServeHTTP implements [http.Handler].
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", cacheNever)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	body, media, cache, err := h.find(r.Context(), strings.TrimPrefix(r.URL.Path, "/"))
	switch {
	case err != nil:
		// Its path names a tile, nothing else; a caller who went away is no fault.
		if r.Context().Err() == nil {
			h.Log.ErrorContext(r.Context(), "log not readable", slog.String("path", r.URL.Path), slog.String("error", err.Error()))
		}
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	case len(body) == 0:
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // not compressed: digests do not shrink. Nobody is left to tell of an error
}

// find returns what is at path; nothing when nothing is.
func (h handler) find(ctx context.Context, path string) (body []byte, media, cache string, err error) {
	if path == "checkpoint" {
		body, err = h.Store.Checkpoint(ctx)
		return body, "text/plain; charset=utf-8", cacheAsk, err
	}
	level, index, w, ok := ParseTilePath(path)
	if !ok {
		return nil, "", "", nil
	}
	body, err = h.Store.Tile(ctx, level, index)
	if err != nil || len(body) < w*entrySize {
		return nil, "", "", err // a wider tile than the log has
	}
	body = body[:w*entrySize]
	if level == entryLevel {
		body = EntriesBundle(body)
	}
	return body, "application/octet-stream", cacheForever, nil
}
