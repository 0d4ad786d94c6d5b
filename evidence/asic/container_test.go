package asic_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

const (
	firstXML  = "evidence/001-SubmissionAcceptance.xml"
	firstPDF  = "evidence/001-SubmissionAcceptance.pdf"
	secondXML = "evidence/002-NotificationForAcceptance.xml"
	record2   = "META-INF/evidencerecord002.ers"
	manifest2 = "META-INF/ASiCEvidenceRecordManifest002.xml"
)

// Properly sealed containers that no Writer makes.
func TestRefusesContainers(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	raws, err := dossier(t).Raws()
	if err != nil {
		t.Fatal(err)
	}
	index := func(name string) int {
		i := slices.IndexFunc(raws, func(r asic.Raw) bool { return r.Name == name })
		if i < 0 {
			t.Fatal("no file " + name)
		}
		return i
	}
	data := func(name string) []byte { return raws[index(name)].Data }
	without := func(names ...string) []asic.Raw {
		return slices.DeleteFunc(slices.Clone(raws), func(r asic.Raw) bool { return slices.Contains(names, r.Name) })
	}
	with := func(name string, data []byte) []asic.Raw {
		list := without(name)
		return append(list, asic.Raw{Name: name, Data: data})
	}
	after := func(before, name string, data []byte) []asic.Raw {
		return slices.Insert(slices.Clone(raws), index(before)+1, asic.Raw{Name: name, Data: data})
	}
	sum := sha256.Sum256(data(secondXML))
	seal := func(list []asic.Raw) []byte {
		var b bytes.Buffer
		if err := w.WriteRaw(t.Context(), &b, list, evidence.Validation{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if r := checker().Check(seal(raws), a.Trust()); !r.OK() {
		t.Fatal(r.Failures())
	}
	for what, c := range map[string]struct {
		files []asic.Raw
		code  evidence.Code
	}{
		"record without manifest":          {without(manifest2), evidence.CheckManifest},
		"manifest without record":          {without(record2), evidence.CheckManifest},
		"manifest before record":           {append(without(record2), asic.Raw{Name: record2, Data: data(record2)}), evidence.CheckManifest},
		"a file twice":                     {after(firstXML, manifest2, data(manifest2)), evidence.CheckFormat},
		"neither XML nor PDF of a record":  {without(secondXML, strings.Replace(secondXML, ".xml", ".pdf", 1), strings.Replace(secondXML, ".xml", ".tlog-proof", 1)), evidence.CheckManifest},
		"record for a file that is absent": {with("META-INF/evidencerecord009.ers", data(record2)), evidence.CheckManifest},
		"manifest for an absent record":    {with("META-INF/ASiCEvidenceRecordManifest009.xml", asic.RecordManifest(9, secondXML, sum)), evidence.CheckManifest},
		"second record for one file":       {append(with("META-INF/evidencerecord001.ers", data(record2)), asic.Raw{Name: "META-INF/ASiCEvidenceRecordManifest001.xml", Data: asic.RecordManifest(1, secondXML, sum)}), evidence.CheckManifest},
		"manifest names another file":      {with(manifest2, asic.RecordManifest(2, firstXML, sum)), evidence.CheckManifest},
		"manifest has another digest":      {with(manifest2, asic.RecordManifest(2, secondXML, sha256.Sum256(nil))), evidence.CheckManifest},
		"manifest names another record":    {with(manifest2, asic.RecordManifest(1, secondXML, sum)), evidence.CheckManifest},
		"manifest is no manifest":          {with(manifest2, []byte("<a></a>")), evidence.CheckManifest},
		"manifest with a space":            {with(manifest2, append(bytes.Clone(data(manifest2)), ' ')), evidence.CheckManifest},
		"record with a strange name":       {with("META-INF/evidencerecord.ers", data(record2)), evidence.CheckManifest},
		"record beside the evidence":       {after(secondXML, "evidence/002-NotificationForAcceptance.ers", data(record2)), evidence.CheckManifest},
		"proof beside no evidence":         {with("evidence/009-X.tlog-proof", []byte("x")), evidence.CheckManifest},
		"PDF beside no evidence":           {with("evidence/009-X.pdf", []byte("%PDF")), evidence.CheckManifest},
		"PDF before its evidence":          {slices.Insert(without(firstPDF), 1, asic.Raw{Name: firstPDF, Data: data(firstPDF)}), evidence.CheckManifest},
		"PDF of the one before":            {append(without(firstPDF), asic.Raw{Name: firstPDF, Data: data(firstPDF)}), evidence.CheckManifest},
		"two with one number":              {after(firstXML, "evidence/001-ContentHandover.xml", data(firstXML)), evidence.CheckManifest},
		"a file in no folder":              {with("notes.txt", []byte("x")), evidence.CheckManifest},
		"a file in another folder":         {with("log/checkpoint", []byte("x")), evidence.CheckManifest},
		"a file above":                     {with("../x", []byte("x")), evidence.CheckManifest},
		"another signature":                {with("META-INF/signature002.p7s", []byte("x")), evidence.CheckManifest},
		"another manifest":                 {with("META-INF/ASiCManifest002.xml", data(manifest2)), evidence.CheckManifest},
		"an archive manifest":              {with("META-INF/ASiCArchiveManifest001.xml", data(manifest2)), evidence.CheckManifest},
		"no readme":                        {without("readme.txt"), evidence.CheckManifest},
		"readme is not first":              {with("readme.txt", data("readme.txt")), evidence.CheckManifest},
		"a proof that is empty":            {after(firstPDF, "evidence/001-SubmissionAcceptance.tlog-proof", nil), evidence.CheckMember},
		"a record that is empty":           {with(record2, nil), evidence.CheckManifest},
		"evidence that is empty":           {with("evidence/006-X.xml", nil), evidence.CheckMember},
		"number written otherwise": {slices.Insert(without(firstXML, firstPDF), 1,
			asic.Raw{Name: "evidence/1-SubmissionAcceptance.xml", Data: data(firstXML)}), evidence.CheckMember},
	} {
		r := checker().Check(seal(c.files), a.Trust())
		if r.OK() || !slices.ContainsFunc(r.Checks, func(x evidence.Check) bool { return x.Code == c.code && !x.OK }) {
			t.Errorf("%s: want %s to fail, got ok=%v %s", what, c.code, r.OK(), r.Failures())
		}
	}
}

// With validation data the seal is baseline B-LT, and what that says counts.
func TestValidation(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	stranger, _ := world(t)
	seal := func(change func(*evidence.Validation)) evidence.Report {
		d := dossier(t)
		d.Validation = a.Validation()
		change(&d.Validation)
		return checker().Check(pack(t, w, d), a.Trust())
	}
	failed := func(r evidence.Report) bool {
		return slices.ContainsFunc(r.Checks, func(x evidence.Check) bool {
			return (x.Code == evidence.CheckRevocation || x.Code == evidence.CheckCertificate) && !x.OK
		})
	}
	for what, change := range map[string]func(*evidence.Validation){
		"a list is missing":      func(v *evidence.Validation) { v.CRLs = nil },
		"an answer is missing":   func(v *evidence.Validation) { v.OCSPs = v.OCSPs[1:] },
		"somebody's list":        func(v *evidence.Validation) { v.CRLs = append(v.CRLs, stranger.ValidationByLists().CRLs[0]) },
		"somebody's certificate": func(v *evidence.Validation) { v.Certificates = append(v.Certificates, stranger.Roots()[0].Raw) },
		"a root is missing":      func(v *evidence.Validation) { v.Certificates = dropped(v.Certificates, a.Roots()[1].Raw) },
		"lists and answers":      func(v *evidence.Validation) { v.CRLs = append(v.CRLs, a.ValidationByLists().CRLs...) },
	} {
		if r := seal(change); !failed(r) {
			t.Errorf("%s: got %s", what, r.Failures())
		}
	}
	unchecked := func(r evidence.Report) bool {
		return slices.ContainsFunc(r.Unchecked, func(u evidence.Unchecked) bool { return u.Code == evidence.CheckRevocation })
	}
	for what, c := range map[string]struct {
		change  func(*evidence.Validation)
		without bool
	}{
		"as it is":               {func(*evidence.Validation) {}, false},
		"by lists":               {func(v *evidence.Validation) { *v = a.ValidationByLists() }, false},
		"nothing":                {func(v *evidence.Validation) { *v = evidence.Validation{} }, true},
		"of another authority":   {func(v *evidence.Validation) { *v = stranger.Validation() }, true},
		"certificates only":      {func(v *evidence.Validation) { v.CRLs, v.OCSPs = nil, nil }, true},
		"of another time-stamp":  {func(v *evidence.Validation) { v.Certificates = dropped(v.Certificates, a.TSUChain()[0].Raw) }, true},
		"of another seal":        {func(v *evidence.Validation) { v.Certificates = dropped(v.Certificates, a.SealChain()[0].Raw) }, true},
		"far too much":           {func(v *evidence.Validation) { v.CRLs = append(v.CRLs, make([]byte, 16<<20)) }, true},
		"in another order":       {func(v *evidence.Validation) { slices.Reverse(v.Certificates); slices.Reverse(v.OCSPs) }, false},
		"with an element double": {func(v *evidence.Validation) { v.CRLs = append(v.CRLs, v.CRLs[0]) }, false},
	} {
		if r := seal(c.change); !r.OK() || unchecked(r) != c.without {
			t.Errorf("%s: got %s, unchecked %v", what, r.Failures(), r.Unchecked)
		}
	}
	a.Revoke(a.SealChain()[0], time.Now().Add(-time.Hour), 1)
	if r := seal(func(*evidence.Validation) {}); !failed(r) {
		t.Errorf("revoked: got %s", r.Failures())
	}
}

func dropped(list [][]byte, der []byte) [][]byte {
	return slices.DeleteFunc(list, func(c []byte) bool { return bytes.Equal(c, der) })
}

// OpenSSL reads the signature with validation data as it reads it without.
func TestOpenSSLVerifiesCompleteSeal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unzip", "openssl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not installed: .ci/tools names the package", name)
		}
	}
	a, w := world(t)
	d := dossier(t)
	d.Validation = a.Validation()
	dir := t.TempDir()
	if err := errors.Join(a.WritePEM(dir), os.WriteFile(filepath.Join(dir, "d.asice"), pack(t, w, d), 0o600)); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s", name, out)
		}
		return string(out)
	}
	run("unzip", "-q", "d.asice")
	run("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "META-INF/signature001.p7s", "-content", "META-INF/ASiCManifest001.xml",
		"-CAfile", evidence.SealAnchors, "-purpose", "any", "-out", os.DevNull)
	printed := run("openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", "META-INF/signature001.p7s")
	for _, want := range []string{"version: 5", "d.crl:", "1.3.6.1.5.5.7.16.2", "id-smime-aa-timeStampToken"} {
		if !strings.Contains(printed, want) {
			t.Errorf("openssl does not see %s in\n%s", want, printed)
		}
	}
}

// When the seal was made, it says itself, and others know better.
func TestClaimedTime(t *testing.T) {
	t.Parallel()
	a, w := world(t)
	for what, c := range map[string]struct {
		at time.Time
		ok bool
	}{
		"now":                         {time.Now(), true},
		"a minute after the stamp":    {time.Now().Add(time.Minute), true},
		"hours before the stamp":      {time.Now().Add(-20 * time.Hour), true},
		"an hour after the stamp":     {time.Now().Add(time.Hour), false},
		"before the certificate":      {time.Now().AddDate(0, 0, -2), false},
		"after the certificate":       {time.Now().AddDate(11, 0, 0), false},
		"when there was no such time": {time.Time{}, false},
	} {
		var b bytes.Buffer
		if err := w.Write(t.Context(), &b, dossier(t), c.at); err != nil {
			t.Fatal(err)
		}
		r := checker().Check(b.Bytes(), a.Trust())
		if r.OK() != c.ok || !c.ok && r.Checks[len(r.Checks)-1].Code != evidence.CheckTimeStamp {
			t.Errorf("%s: got ok=%v %s", what, r.OK(), r.Failures())
		}
	}
}

// zeros is a file of that size.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

func (z *zeros) Close() error { return nil }

// live is what the process holds in memory that something still needs.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

type counter struct {
	n    int64
	peak uint64
}

func (c *counter) Write(p []byte) (int, error) {
	if c.n>>28 != (c.n+int64(len(p)))>>28 { // every 256 MiB
		c.peak = max(c.peak, live())
	}
	c.n += int64(len(p))
	return len(p), nil
}

// Not parallel: it looks at the memory of the process. What earlier tests left
// behind is taken away first, and again before each look.
func TestWriteStreams(t *testing.T) {
	_, w := world(t)
	d := dossier(t)
	const size = 1 << 30
	d.Content = []asic.File{{Name: "large.bin", MediaType: "application/octet-stream", Open: func(context.Context) (io.ReadCloser, error) {
		return &zeros{size}, nil
	}}}
	before := live()
	var out counter
	if err := w.Write(t.Context(), &out, d, evidencetest.At()); err != nil {
		t.Fatal(err)
	}
	if out.n < size || out.peak == 0 || out.peak > before+64<<20 {
		t.Errorf("wrote %d octets with %d MiB in use, %d MiB before", out.n, out.peak>>20, before>>20)
	}
}

// A directory cannot make a reader take more memory than there may be files.
func TestDirectoryBounds(t *testing.T) {
	header := append([]byte("PK\x01\x02"), make([]byte, 42)...)
	end := func(count, size, start int) []byte {
		b := binary.LittleEndian.AppendUint16([]byte("PK\x05\x06\x00\x00\x00\x00"), uint16(count))
		b = binary.LittleEndian.AppendUint16(b, uint16(count))
		b = binary.LittleEndian.AppendUint32(b, uint32(size))
		return append(binary.LittleEndian.AppendUint32(b, uint32(start)), 0, 0)
	}
	const n = 1 << 20
	headers := bytes.Repeat(header, n)
	a, w := world(t)
	good := pack(t, w, dossier(t))
	tail := good[len(good)-22:]
	trust := a.Trust()
	for what, doc := range map[string][]byte{
		"a million entries":       append(bytes.Clone(headers), end(n, len(headers), 0)...),
		"a thousand of a million": append(bytes.Clone(headers), end(1000, len(headers), 0)...),
		"wrong size":              append(bytes.Clone(headers[:46*1000]), end(1000, 46*1000-1, 0)...),
		"overlapping":             append(bytes.Clone(headers[:46*1000]), end(1000, 46*1000, 0)...),
		"start outside":           append(bytes.Clone(headers[:46*1000]), end(1000, 46*1000, 1<<31)...),
		"only an end":             end(5, 0, 0),
		"no end":                  good[:len(good)-22],
		"end of another":          append(bytes.Clone(good[:len(good)-22]), end(6, 10, len(good)-32)...),
		"two ends":                append(bytes.Clone(good), tail...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := checker().Check(doc, trust)
		runtime.ReadMemStats(&after)
		if r.OK() || r.Checks[0].OK {
			t.Errorf("%s: accepted as a container: %s", what, r.Failures())
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: took %d octets", what, used)
		}
	}
}

func BenchmarkCheckContainer(b *testing.B) {
	a, w := world(b)
	d := dossier(b)
	d.Validation = a.Validation()
	d.Attachments = append(d.Attachments, file("big.bin", strings.Repeat("x", 32<<20)))
	doc, trust := pack(b, w, d), a.Trust()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if r := checker().Check(doc, trust); !r.OK() {
			b.Fatal(r.Failures())
		}
	}
}
