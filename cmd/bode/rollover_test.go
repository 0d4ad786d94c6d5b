package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/evidence/ltv"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/seal"
	"github.com/bode-erds/bode/evidence/xades"
)

const day = 24 * time.Hour

// change is a service whose sealing key gives way to another: the first
// certificate ends after ten days, the second begins after five.
type change struct {
	*works
	start, now time.Time
	ring       *seal.Ring
	dir        string // of the ring
	leaf       [2]*x509.Certificate
	own        bool // what is sealed now gets a time-stamp of its own
}

func (c *change) clock() time.Time { return c.now }

// at moves the clock.
func (c *change) at(after time.Duration) { c.now = c.start.Add(after) }

// device is a token of SoftHSM.
type device struct{ module, pin string }

const devicePIN = "27182818"

// newDevice makes a token. Its library reads the environment of the process, so no
// test beside this one may ask it.
func newDevice(t *testing.T) device {
	t.Helper()
	var d device
	for _, pattern := range []string{"/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm", "/usr/lib64/pkcs11", "/usr/local/lib/softhsm"} {
		if found, err := filepath.Glob(filepath.Join(pattern, "libsofthsm2.so")); err == nil && len(found) > 0 {
			d.module = found[0]
		}
	}
	if d.module == "" {
		t.Fatal("libsofthsm2.so is not installed: .ci/tools names the package")
	}
	dir := t.TempDir()
	t.Setenv("SOFTHSM2_CONF", writeFile(t, filepath.Join(dir, "softhsm2.conf"), fmt.Sprintf("directories.tokendir = %s\nlog.level = ERROR\n", dir)))
	d.util(t, "--init-token", "--free", "--label", "bode", "--so-pin", "31415926")
	d.pin = writeFile(t, filepath.Join(dir, "pin"), devicePIN+"\n")
	return d
}

func (device) util(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "softhsm2-util", append(args, "--pin", devicePIN)...).CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
}

// world is an authority that was made at another time than it works in.
func (c *change) world(t *testing.T, kind string, born time.Time) *evidencetest.Authority {
	t.Helper()
	now := c.now
	c.now = born
	defer func() { c.now = now }()
	server := httptest.NewUnstartedServer(nil)
	a, err := evidencetest.New(evidencetest.Config{Now: c.clock, Key: kind, URL: "http://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = a
	server.Start()
	t.Cleanup(server.Close)
	return a
}

// add puts a key into the ring's folder, the private half of it into the device if
// there is one.
func (c *change) add(t *testing.T, name string, a *evidencetest.Authority, d *device) {
	t.Helper()
	dir := t.TempDir()
	if err := a.WriteSealPEM(dir); err != nil {
		t.Fatal(err)
	}
	cfg := seal.Config{KeyFile: filepath.Join(dir, "key.pem"), CertFile: filepath.Join(dir, "cert.pem")}
	if d != nil {
		label := t.Name() + " " + name
		d.util(t, "--import", cfg.KeyFile, "--token", "bode", "--label", label, "--id", fmt.Sprintf("%x", label))
		if err := os.Remove(cfg.KeyFile); err != nil {
			t.Fatal(err)
		}
		cfg.KeyFile, cfg.Token = "", &seal.TokenConfig{Module: d.module, Label: "bode", PINFile: d.pin, KeyLabel: label}
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(c.dir, name+".json"), string(b))
}

// newChange begins with the first key alone.
func newChange(t *testing.T, first, second string, devices [2]*device) (c *change, next func()) {
	t.Helper()
	c = &change{works: newWorks(t), dir: t.TempDir(), start: time.Now().Truncate(time.Second)}
	c.now = c.start
	old := c.world(t, first, c.start.AddDate(-10, 0, 10)) // certificates begin a day earlier, and last ten years
	young := c.world(t, second, c.start.Add(6*day))
	stamps := c.world(t, "", c.start)
	c.leaf = [2]*x509.Certificate{old.SealChain()[0], young.SealChain()[0]}
	c.add(t, "first", old, devices[0])
	var err error
	c.ring, err = seal.OpenRing(seal.RingConfig{Dir: c.dir, AllowFileKey: true, Now: c.clock})
	if errors.Is(err, seal.ErrNoPKCS11) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.ring.Close() })
	trust := evidence.Trust{Seal: x509.NewCertPool(), TSA: x509.NewCertPool()}
	roots := slices.Concat(old.Roots(), young.Roots(), stamps.Roots())
	for _, root := range roots {
		trust.Seal.AddCert(root)
		trust.TSA.AddCert(root)
	}
	if err := c.out.seal(c.ring, stamps.Stamper(), trust); err != nil {
		t.Fatal(err)
	}
	collector, err := ltv.New(ltv.Config{Roots: roots, Now: c.clock})
	if err != nil {
		t.Fatal(err)
	}
	c.out.validator, c.out.anchors = validator{collector}, roots
	c.verifier = verifier{trust: c.out.engine.Trust}
	c.ledger, err = ledger.New(ledger.Config{Pool: c.pool, Outbox: c.jobs, Engine: c.out.engine, Issuer: c.out.issuer, Stamper: c.out.stamper,
		Log: c.out.log, Records: records{c.out.engine.Trust}, Own: func(evidence.Name) bool { return c.own }, Validator: c.out.validator,
		Now: c.clock, Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() {
		c.add(t, "second", young, devices[1])
		if err := c.ring.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

// couple is evidence with a time-stamp of its own, and evidence that shares one.
type couple [2]delivery.Delivery

// sign makes the XML of a couple.
func (c *change) sign(t *testing.T) (p couple) {
	t.Helper()
	for i := range p {
		p[i], c.own = c.submitted(t), i == 0
		if err := c.ledger.Seal(t.Context(), firstOf(string(p[i].ID))); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// finish puts pairs into one batch, makes their PDFs and, hours later, completes
// them. It says whether that changed the records.
func (c *change) finish(t *testing.T, pairs ...couple) (recordsToo bool) {
	t.Helper()
	if n, err := c.ledger.Batch(t.Context()); n != 2*len(pairs) || err != nil {
		t.Fatalf("a batch of %d, %v", n, err)
	}
	for _, p := range pairs {
		for _, d := range p {
			if err := c.ledger.Finish(t.Context(), firstOf(string(d.ID))); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := c.read(t, pairs[0][1])
	c.now = c.now.Add(7 * time.Hour)
	if n, err := c.ledger.Complete(t.Context(), c.now.Add(-production.grace)); n != 1 || err != nil {
		t.Fatalf("completed %d batches, %v", n, err)
	}
	return !bytes.Equal(before.Record, c.read(t, pairs[0][1]).Record)
}

func (c *change) read(t *testing.T, d delivery.Delivery) (doc ledger.Document) {
	t.Helper()
	if err := c.ledger.Each(t.Context(), string(d.ID), func(got ledger.Document) error { doc = got; return nil }); err != nil {
		t.Fatal(err)
	}
	return doc
}

// holds checks a couple: by whom its XML and its PDFs are sealed, that it verifies,
// and that it carries what judges its certificates.
func (c *change) holds(t *testing.T, what string, p couple, xmlBy, pdfBy *x509.Certificate) {
	t.Helper()
	for _, d := range p {
		doc := c.read(t, d)
		if r := c.verifier.check(doc.XML, doc.Beside); !r.OK() {
			t.Errorf("%s: XML: %s", what, r.Failures())
		}
		if r := c.verifier.check(doc.PDF, evidence.Beside{}); !r.OK() {
			t.Errorf("%s: PDF: %s", what, r.Failures())
		}
		x, err := xades.Chains(doc.XML)
		if err != nil || !x[0][0].Equal(xmlBy) {
			t.Errorf("%s: XML is not sealed by %s: %v", what, xmlBy.SerialNumber, err)
		}
		f, err := pades.Chains(doc.PDF)
		if err != nil || !f[0][0].Equal(pdfBy) {
			t.Errorf("%s: PDF is not sealed by %s: %v", what, pdfBy.SerialNumber, err)
		}
		if doc.OwnStamp != bytes.Contains(doc.XML, []byte("<xades:RevocationValues")) || !bytes.Contains(doc.PDF, []byte("/DSS ")) {
			t.Errorf("%s: not completed (time-stamp of its own: %v)", what, doc.OwnStamp)
		}
	}
}

// dossier packs what there is of a delivery, and verifies it.
func (c *change) dossier(t *testing.T, d delivery.Delivery, by *x509.Certificate) {
	t.Helper()
	doc := c.read(t, d)
	last := asic.Piece{Seq: doc.Seq, Event: doc.Event, XML: doc.XML, PDF: doc.PDF, Beside: doc.Beside}
	v := c.dossierValidation(t.Context(), last, c.now)
	if leaf := func(der []byte) bool { return bytes.Equal(der, by.Raw) }; !slices.ContainsFunc(v.Certificates, leaf) {
		t.Error("validation data of the dossier is about another key")
	}
	var packed bytes.Buffer
	if err := c.out.dossiers.Write(t.Context(), &packed, asic.Dossier{Pieces: []asic.Piece{last}, Validation: v}, c.now); err != nil {
		t.Fatal(err)
	}
	if r := c.verifier.check(packed.Bytes(), evidence.Beside{}); !r.OK() {
		t.Errorf("dossier: %s", r.Failures())
	}
	if !bytes.Contains(packed.Bytes(), by.Raw) {
		t.Error("dossier is sealed by another key")
	}
}

// TestRollOver lets one key follow another in a ledger that goes on: what was
// sealed before verifies after the first certificate has ended, what is sealed
// after has the second, and nothing fails in between. A batch of both is completed
// too, all but its records: under two seals, validation data would say too much of
// each. EN 319 411-1 §6.5
func TestRollOver(t *testing.T) {
	token := newDevice(t)
	for name, c := range map[string]struct {
		first, second string
		devices       [2]*device
	}{
		"file to device": {"P-256", "RSA-3072", [2]*device{nil, &token}},
		"device to file": {"RSA-3072", "P-256", [2]*device{&token, nil}},
		"within device":  {"P-256", "P-256", [2]*device{&token, &token}},
	} {
		t.Run(name, func(t *testing.T) { rollOver(t, c.first, c.second, c.devices) })
	}
}

func rollOver(t *testing.T, first, second string, devices [2]*device) {
	c, next := newChange(t, first, second, devices)
	before := c.sign(t)
	if !c.finish(t, before) {
		t.Error("records of one seal were not completed")
	}
	c.dossier(t, before[1], c.leaf[0])

	c.at(3 * day)
	if err := c.ring.Health(t.Context(), c.now); !errors.Is(err, seal.ErrSuccessor) {
		t.Errorf("nobody follows: %v", err)
	}
	next() // its certificate begins two days later
	if err := c.ring.Health(t.Context(), c.now); err != nil {
		t.Error(err)
	}
	late := c.sign(t)
	c.at(5*day + time.Hour)
	early := c.sign(t)
	if c.finish(t, late, early) {
		t.Error("records of two seals were completed")
	}

	c.at(11 * day)
	after := c.sign(t)
	if !c.finish(t, after) {
		t.Error("records of one seal were not completed")
	}
	c.dossier(t, after[0], c.leaf[1])

	c.holds(t, "before", before, c.leaf[0], c.leaf[0])
	c.holds(t, "signed before, finished after", late, c.leaf[0], c.leaf[1])
	c.holds(t, "first of the second", early, c.leaf[1], c.leaf[1])
	c.holds(t, "after", after, c.leaf[1], c.leaf[1])
	if err := c.fsck(t.Context(), testWriter{t}); err != nil {
		t.Error(err)
	}
	for _, e := range c.out.endings(c.now) {
		if e.level > slog.LevelInfo {
			t.Errorf("alarm: %s", e)
		}
	}
}
