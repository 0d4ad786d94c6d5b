package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// gather writes what a court and a print partner would get.
func (p *player) gather(ctx context.Context) error {
	p.summary = summary{Message: p.message, Number: p.number}
	for i, id := range p.delivered {
		if err := p.state(ctx, i, cast[i].end); err != nil {
			return err
		}
		files, err := p.gatherDelivery(ctx, id, cast[i].end)
		if err != nil {
			return err
		}
		p.summary.Deliveries = append(p.summary.Deliveries,
			summaryDelivery{ID: id, Role: cast[i].role, State: string(cast[i].end), Files: files})
	}
	files, err := p.gatherDelivery(ctx, p.extra, delivery.Cancelled)
	if err != nil {
		return err
	}
	p.summary.Deliveries = append(p.summary.Deliveries,
		summaryDelivery{ID: p.extra, Role: "withdrawn by the sender", State: string(delivery.Cancelled), Files: files})
	for _, name := range []string{evidence.SealAnchors, evidence.TSAAnchors} {
		if err := copyFile(filepath.Join(p.demo.dir, "trust", name), filepath.Join(p.out, "trust", name)); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(p.summary, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, "summary.json"), append(b, '\n'), 0o644)
}

// gatherDelivery downloads everything about one delivery through the API.
func (p *player) gatherDelivery(ctx context.Context, id string, end delivery.State) (files []string, err error) {
	if err := os.MkdirAll(filepath.Join(p.out, id), 0o755); err != nil {
		return nil, err
	}
	var list struct {
		Data []struct {
			ID, Event string
			Seq       int
		}
	}
	if err := p.call(ctx, http.MethodGet, "/deliveries/"+id+"/evidence", nil, &list); err != nil {
		return nil, err
	}
	if len(list.Data) == 0 {
		return nil, fmt.Errorf("delivery %s has no evidence", id)
	}
	type one struct{ path, file string }
	var want []one
	for _, e := range list.Data {
		base := fmt.Sprintf("%03d-%s", e.Seq, e.Event)
		want = append(want, one{"/evidence/" + e.ID + ".xml", base + ".xml"}, one{"/evidence/" + e.ID + ".pdf", base + ".pdf"})
	}
	want = append(want, one{"/deliveries/" + id + "/dossier", "dossier.asice"})
	if slices.Contains([]delivery.State{delivery.Posting, delivery.Posted, delivery.DeliveredByPost}, end) {
		want = append(want, one{"/deliveries/" + id + "/letter", "letter.pdf"})
	}
	for _, w := range want {
		file := filepath.Join(id, w.file)
		if err := p.download(ctx, w.path, filepath.Join(p.out, file)); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// verify holds every file against the anchors beside it, as anybody could, and
// then makes sure that a changed file is refused.
func (p *player) verify(context.Context) error {
	trust, err := evidence.ReadTrust(filepath.Join(p.out, "trust"))
	if err != nil {
		return err
	}
	v, checked := verifier{trust}, 0
	err = filepath.WalkDir(p.out, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "letter.pdf" || !slices.Contains([]string{".xml", ".pdf", ".asice"}, filepath.Ext(path)) {
			return err
		}
		doc, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if r := v.check(doc); !r.OK() {
			return fmt.Errorf("%s: %s", path, r.Failures())
		}
		changed := bytes.Clone(doc)
		changed[len(changed)/2] ^= 1
		if v.check(changed).OK() {
			return fmt.Errorf("%s: a changed octet went unnoticed", path)
		}
		checked++
		return nil
	})
	if err == nil && checked == 0 {
		err = fmt.Errorf("nothing to verify")
	}
	return err
}

// fsck holds the stored data against itself.
func (p *player) fsck(ctx context.Context) error { return p.demo.app.fsck(ctx, io.Discard) }
