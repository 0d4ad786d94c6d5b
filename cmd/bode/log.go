package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/evidence/logweb"
	"github.com/bode-erds/bode/evidence/tlog"
)

// logPath is where the public log is served.
const logPath = "/log/"

// publicLog lets a ledger make the log: the ledger knows neither keys nor trees.
type publicLog struct{ key *tlog.Key }

var _ ledger.Log = publicLog{}

func (p publicLog) Grow(ctx context.Context, t ledger.Tiles, last []byte, entries []ledger.Hash) ([]ledger.Tile, []byte, error) {
	var before tlog.Checkpoint
	if last != nil {
		var err error
		if before, err = tlog.ParseCheckpoint(last, p.key.Public()); err != nil {
			return nil, nil, err
		}
	}
	g, err := tlog.Grow(ctx, t, before.Size, entries)
	if err != nil {
		return nil, nil, err
	}
	if last != nil && g.Before != before.Root {
		return nil, nil, fmt.Errorf("%w: the last checkpoint has another root", tlog.ErrTiles)
	}
	var grown []ledger.Tile
	for _, x := range append(g.Tiles, g.Entries...) {
		grown = append(grown, ledger.Tile(x))
	}
	checkpoint, err := p.key.Checkpoint(g.Size, g.Root)
	return grown, checkpoint, err
}

func (p publicLog) Prove(ctx context.Context, t ledger.Tiles, size, index int64, checkpoint []byte) ([]byte, error) {
	path, err := tlog.Prove(ctx, t, size, index)
	if err != nil {
		return nil, err
	}
	return tlog.FormatProof(index, path, checkpoint), nil
}

func (publicLog) Consistent(ctx context.Context, t ledger.Tiles, old, size int64) ([]ledger.Hash, error) {
	return tlog.Consistency(ctx, t, old, size)
}

// checkPage is how many entries are read at a time: whole tiles.
const checkPage = 256

// Check grows an empty log by the stored entries and compares.
func (p publicLog) Check(ctx context.Context, t ledger.Tiles, size int64, checkpoint []byte) error {
	want, err := tlog.ParseCheckpoint(checkpoint, p.key.Public())
	if err != nil {
		return err
	}
	fresh := tiles{}
	var root ledger.Hash
	for at := int64(0); at < size; at += checkPage {
		raw, err := t.Tile(ctx, tlog.EntryLevel, at/checkPage)
		if err != nil {
			return err
		}
		n := min(checkPage, size-at)
		if int64(len(raw)) < 32*n {
			return fmt.Errorf("%w: entries %d and following are missing", tlog.ErrTiles, at+int64(len(raw)/32))
		}
		entries := make([]ledger.Hash, n)
		for i := range entries {
			entries[i] = ledger.Hash(raw[32*i:])
		}
		g, err := tlog.Grow(ctx, fresh, at, entries)
		if err != nil {
			return err
		}
		for _, x := range g.Tiles {
			fresh[place{x.Level, x.Index}] = x.Hashes
		}
		root = g.Root
	}
	if size != want.Size || root != want.Root {
		return fmt.Errorf("%w: the entries give another root", tlog.ErrTiles)
	}
	for at, hashes := range fresh {
		kept, err := t.Tile(ctx, at.level, at.index)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(kept, hashes) {
			return fmt.Errorf("%w: tile %d of level %d", tlog.ErrTiles, at.index, at.level)
		}
	}
	return nil
}

type place struct {
	level int
	index int64
}

// tiles is a log that nobody keeps.
type tiles map[place][]byte

func (m tiles) Tile(_ context.Context, level int, index int64) ([]byte, error) {
	return m[place{level, index}], nil
}

// records lets a ledger make evidence records.
type records struct{ trust evidence.Trust }

var _ ledger.Records = records{}

func (records) Tree(leaves []ledger.Hash) (ledger.Tree, error) { return ers.NewTree(leaves) }

func (records) Digest(record []byte) (ledger.Hash, error) { return ers.RenewalDigest(record) }

func (records) Renew(record []byte, leaves []ledger.Hash, pos int, token []byte) ([]byte, error) {
	t, err := ers.NewTree(leaves)
	if err != nil {
		return nil, err
	}
	return ers.Renewed(record, t, pos, token)
}

func (r records) Check(record []byte, leaf ledger.Hash) (at, renew time.Time, err error) {
	said, err := ers.Checker{}.CheckRecord(record, leaf, r.trust)
	if err != nil {
		return at, renew, err
	}
	renew, err = ers.RenewBefore(record)
	return said.Stamps[len(said.Stamps)-1].Time, renew, err
}

// witness lets a ledger ask somebody outside to sign a checkpoint.
type witness struct{ *logweb.Witness }

func (w witness) Cosign(ctx context.Context, checkpoint []byte, size int64, prove func(context.Context, int64) ([]ledger.Hash, error)) (string, error) {
	line, err := w.Offer(ctx, 0, size, checkpoint, prove)
	return string(line), err
}

// logKey is the key of the log in dir; with create, a demonstration that has none
// gets one.
func logKey(dir, origin string, create bool) (*tlog.Key, error) {
	path := filepath.Join(dir, "log.key")
	if _, err := os.Stat(path); create && errors.Is(err, os.ErrNotExist) {
		return tlog.GenerateKey(path, origin)
	}
	return tlog.LoadKey(path)
}

// writeLogAnchor adds the key of the log to the anchors in dir.
func (o outside) writeLogAnchor(dir string) error {
	return os.WriteFile(filepath.Join(dir, evidence.LogAnchors), []byte(o.log.key.Public()+"\n"), 0o644)
}

// serveLog serves the log to anybody.
func serveLog(store logweb.Store, log *slog.Logger) (http.Handler, error) {
	h, err := logweb.NewHandler(logweb.HandlerConfig{Store: store, Log: log})
	return http.StripPrefix(strings.TrimSuffix(logPath, "/"), h), err
}
