package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	for _, name := range []string{evidence.SealAnchors, evidence.TSAAnchors, evidence.LogAnchors} {
		if err := copyFile(filepath.Join(p.demo.dir, "trust", name), filepath.Join(p.out, "trust", name)); err != nil {
			return err
		}
	}
	return p.writeSummary()
}

// writeSummary writes what is known so far.
func (p *player) writeSummary() error {
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
			TimeStamp string `json:"time_stamp"`
			Validated bool
		}
	}
	err = eventually(ctx, func() (bool, error) {
		if err := p.call(ctx, http.MethodGet, "/deliveries/"+id+"/evidence", nil, &list); err != nil {
			return false, err
		}
		if len(list.Data) == 0 {
			return false, fmt.Errorf("delivery %s has no evidence", id)
		}
		for _, e := range list.Data {
			if !e.Validated {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	type one struct{ path, file string }
	var want []one
	for _, e := range list.Data {
		base := fmt.Sprintf("%03d-%s", e.Seq, e.Event)
		forms := []evidence.Format{evidence.XML, evidence.PDF, evidence.TLogProof}
		if e.TimeStamp == "batch" {
			forms = append(forms, evidence.ERS)
		}
		for _, f := range forms {
			want = append(want, one{"/evidence/" + e.ID + "." + string(f), base + "." + string(f)})
		}
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
		b, err := readBeside(path)
		if err != nil {
			return err
		}
		if r := v.check(doc, b); !r.OK() {
			return fmt.Errorf("%s: %s", path, r.Failures())
		}
		changed := bytes.Clone(doc)
		changed[len(changed)/2] ^= 1
		if v.check(changed, b).OK() {
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

// readBeside reads what stands beside evidence XML in its folder.
func readBeside(path string) (b evidence.Beside, err error) {
	base, ok := strings.CutSuffix(path, ".xml")
	if !ok {
		return b, nil
	}
	if b.Record, err = os.ReadFile(base + evidence.RecordSuffix); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		b.Proof, err = os.ReadFile(base + evidence.ProofSuffix)
	}
	return b, err
}

// fsck holds the stored data against itself.
func (p *player) fsck(ctx context.Context) error {
	var said bytes.Buffer
	if err := p.demo.app.fsck(ctx, &said); err != nil {
		return fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	return nil
}
