package delivery_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// paper is a document of a partner.
func paper(kind delivery.PostPaper, content string) delivery.PostDocument {
	sum := sha256.Sum256([]byte(content))
	return delivery.PostDocument{Kind: kind, MediaType: "application/pdf", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader([]byte(content))), nil
		}}
}

// posting is a delivery whose letter is with the partner.
func (r *rig) posting() delivery.Delivery {
	r.t.Helper()
	d := r.expired()
	r.must(r.PostNow(r.ctx(), d.ID))
	return r.again(d)
}

// objectsLeft counts the files of the vault.
func (r *rig) objectsLeft() (n int) {
	r.t.Helper()
	r.must(filepath.WalkDir(r.objects, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// TestPapers keeps what comes with reports, once, and removes it with the rest.
func TestPapers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.posting()
	proof, scan := paper(delivery.DepositProof, "%PDF deposit"), paper(delivery.ReceiptScan, "%PDF signed for")
	for range 2 { // the partner says it until it knows that we have it
		r.partner.say(delivery.PostReport{ID: "a", Item: d.Post.Item, Status: delivery.PostAccepted, At: r.clock.now(), Documents: []delivery.PostDocument{proof}})
		r.must(r.ReadPost(r.ctx()))
	}
	r.partner.say(delivery.PostReport{ID: "b", Item: d.Post.Item, Status: delivery.PostDelivered, Mode: "signed", At: r.clock.now()})
	r.partner.say(delivery.PostReport{ID: "c", Item: d.Post.Item, Status: delivery.PostDelivered, At: r.clock.now(), Documents: []delivery.PostDocument{scan}})
	r.must(r.ReadPost(r.ctx()))
	list, err := r.Papers(r.ctx(), d.ID)
	r.must(err)
	if len(list) != 2 || list[0].Kind != delivery.DepositProof || list[1].Kind != delivery.ReceiptScan || list[1].Filename() != "02-receipt.pdf" {
		t.Fatalf("papers %+v", list)
	}
	body, err := r.OpenPaper(r.ctx(), d.ID, 2)
	r.must(err)
	if got, _ := io.ReadAll(body); string(got) != "%PDF signed for" {
		t.Errorf("paper reads %q", got)
	}
	events, err := r.Events(r.ctx(), d.Message.Account, d.ID)
	r.must(err)
	last := events[len(events)-1]
	var said string
	for _, x := range last.Details {
		if x.Key == "receipt_sha256" {
			said = x.Value
		}
	}
	if last.Name != evidence.PostalItemTracked || said != scan.SHA256 {
		t.Errorf("the last event is %s with digest %q", last.Name, said)
	}
	if n := r.objectsLeft(); n != 3 { // letter and two papers; the message itself is small and in the database
		t.Errorf("%d objects in the vault", n)
	}
	if _, err := r.OpenPaper(r.ctx(), d.ID, 3); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("a third paper: %v", err)
	}
	r.clean()
	r.clock.pass(25 * 31 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("retain: %d, %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM postal_document`); n != 0 || r.objectsLeft() != 0 {
		t.Errorf("%d papers and %d objects are left", n, r.objectsLeft())
	}
}

// TestUnusablePapers changes nothing and keeps nothing.
func TestUnusablePapers(t *testing.T) {
	t.Parallel()
	good := paper(delivery.DepositProof, "%PDF")
	for name, change := range map[string]func(*delivery.PostDocument){
		"another digest": func(d *delivery.PostDocument) { d.SHA256 = paper(delivery.DepositProof, "x").SHA256 },
		"cut off":        func(d *delivery.PostDocument) { d.Size++ },
		"too large":      func(d *delivery.PostDocument) { d.Size = delivery.MaxPaper + 1 },
		"empty":          func(d *delivery.PostDocument) { d.Size = 0 },
		"a program":      func(d *delivery.PostDocument) { d.MediaType = "application/x-msdownload" },
		"of no kind":     func(d *delivery.PostDocument) { d.Kind = "passport" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.posting()
			objects, bad := r.objectsLeft(), good
			change(&bad)
			r.partner.say(delivery.PostReport{ID: "a", Item: d.Post.Item, Status: delivery.PostAccepted, At: r.clock.now(),
				Documents: []delivery.PostDocument{good, bad}})
			r.must(r.ReadPost(r.ctx()))
			if after := r.again(d); after.State != delivery.Posting || after.Seq != d.Seq || r.objectsLeft() != objects {
				t.Errorf("state %s, %d events more, %d objects more", after.State, after.Seq-d.Seq, r.objectsLeft()-objects)
			}
			r.clean()
		})
	}
	r := newRig(t)
	d := r.posting()
	broken := good
	broken.Open = func(context.Context) (io.ReadCloser, error) { return nil, errors.New("the line broke") }
	r.partner.say(delivery.PostReport{ID: "a", Item: d.Post.Item, Status: delivery.PostAccepted, At: r.clock.now(), Documents: []delivery.PostDocument{broken}})
	if err := r.ReadPost(r.ctx()); err == nil || len(r.partner.reports) != 1 {
		t.Errorf("a paper that cannot be read now: %v, %d reports left", err, len(r.partner.reports))
	}
}
