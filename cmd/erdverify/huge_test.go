//go:build unix

package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const huge = 2 << 30

// hugeFiles writes sparse files of two gibibytes that begin, or end, as evidence
// does.
func hugeFiles(t *testing.T, b bench) (paths []string) {
	t.Helper()
	dossier, err := os.ReadFile(b.dossier)
	check(t, err)
	pdf, err := os.ReadFile(b.pdf)
	check(t, err)
	xml, err := os.ReadFile(b.xml)
	check(t, err)
	for name, c := range map[string]struct{ first, last []byte }{
		"nothing":         {},
		"XML":             {first: xml},
		"XML tag":         {first: []byte("<e:Evidence")},
		"PDF":             {first: pdf},
		"PDF header":      {first: []byte("%PDF-1.7\n"), last: pdf[len(pdf)-1000:]},
		"dossier":         {first: dossier},
		"dossier header":  {first: []byte("PK\x03\x04")},
		"dossier's end":   {first: []byte("PK\x03\x04"), last: dossier},
		"stuffed dossier": stuffed(t, dossier),
	} {
		path := filepath.Join(b.dir, name)
		f, err := os.Create(path)
		check(t, err)
		_, err = f.Write(c.first)
		check(t, err)
		check(t, f.Truncate(huge))
		_, err = f.WriteAt(c.last, huge-int64(len(c.last)))
		check(t, err)
		check(t, f.Close())
		paths = append(paths, path)
	}
	return paths
}

// stuffed is a dossier with a file of zeros in it that its manifest does not
// name: it has to be read as a whole before it can be refused.
func stuffed(t *testing.T, dossier []byte) (c struct{ first, last []byte }) {
	files := unzip(t, dossier)
	const name = "content/zeros"
	doc := pack(slices.Insert(files, len(files)-2, member{name, nil}))
	size := huge - len(doc)
	sum := crc32.NewIEEE()
	_, err := io.CopyN(sum, zeros{}, int64(size))
	check(t, err)
	put := func(b []byte, n uint32) { binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+n) }
	cut := bytes.Index(doc, []byte(name)) + len(name)
	local, last := doc[cut-len(name)-30:cut], doc[cut:]
	entry := last[bytes.Index(last, []byte(name))-46:]
	for _, h := range [][]byte{local[14:], entry[16:]} {
		put(h, sum.Sum32())
		put(h[4:], uint32(size))
		put(h[8:], uint32(size))
	}
	for after := entry[46+len(name):]; bytes.HasPrefix(after, []byte("PK\x01\x02")); {
		put(after[42:], uint32(size))
		after = after[46+binary.LittleEndian.Uint16(after[28:]):]
	}
	put(last[len(last)-6:], uint32(size))
	c.first, c.last = doc[:cut], last
	return c
}

// bombs writes files that are within the bounds of what is read, and do harm to
// whoever believes what they say.
func bombs(t *testing.T, b bench) (paths []string) {
	t.Helper()
	dossier, err := os.ReadFile(b.dossier)
	check(t, err)
	pdf, err := os.ReadFile(b.pdf)
	check(t, err)
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestCompression)
	check(t, err)
	_, err = io.CopyN(z, zeros{}, 1<<30)
	check(t, err)
	check(t, z.Close())
	stream := fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 1000000/First 9/Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj\n", packed.Len(), packed.Bytes())
	xref := fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj\n<</Type/XRef/Size 100000000/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj\nstartxref\n9\n%%%%EOF\n", packed.Len(), packed.Bytes())
	long := func(head, body string, n int) []byte {
		return append([]byte(head), bytes.Repeat([]byte(body), (n-len(head))/len(body))...)
	}
	entities := "<!DOCTYPE e [<!ENTITY a0 'x'>"
	for i := range 40 {
		entities += fmt.Sprintf("<!ENTITY a%d '&a%d;&a%[2]d;'>", i+1, i)
	}
	for name, doc := range map[string][]byte{
		"zip bomb":             bomb(t, unzip(t, dossier)),
		"a deep XML":           long("", "<a>", maxXML),
		"a wide XML":           long("<e>", "<a/>", maxXML),
		"XML attributes":       long("<e", " a=''", maxXML),
		"XML name spaces":      long("<e", " xmlns:a='b'", maxXML),
		"XML entities":         []byte(entities + "]><e>&a40;</e>"),
		"PDF object stream":    append(stream, pdf[len(pdf)-1000:]...),
		"PDF xref stream":      xref,
		"PDF arrays":           long("%PDF-1.7\n1 0 obj\n", "[", maxPDF),
		"PDF dictionaries":     long("%PDF-1.7\n1 0 obj\n", "<</A", maxPDF),
		"PDF objects":          long("%PDF-1.7\n", "1 0 obj\n<<>>\nendobj\n", maxPDF),
		"PDF ends":             long("%PDF-1.7\n", "startxref\n9\n%%EOF\n", maxPDF),
		"PDF with much after":  append(bytes.Clone(pdf), long("", "startxref\n9\n%%EOF\n", maxPDF-len(pdf))...),
		"PDF with much before": append(long("%PDF-1.7\n", "/ByteRange [0 1 2 3]\n", maxPDF-len(pdf)), pdf...),
	} {
		path := filepath.Join(b.dir, name)
		check(t, os.WriteFile(path, doc, 0o600))
		paths = append(paths, path)
	}
	return paths
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestHuge refuses files of two gibibytes, and bombs, each in a process of its own, with at
// most 256 MiB and 10 seconds. Mapped files are the system's memory, not ours.
func TestHuge(t *testing.T) {
	t.Parallel()
	if path := os.Getenv("BODE_HUGE"); path != "" {
		if status := run([]string{"--trust", os.Getenv("BODE_TRUST"), path}, io.Discard, io.Discard); status != exitFail {
			t.Errorf("got status %d", status)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		os.Stdout.WriteString("took " + strconv.FormatUint(m.Sys>>20, 10) + " MiB\n")
		return
	}
	b := newBench(t)
	for _, path := range slices.Concat(hugeFiles(t, b), bombs(t, b), []string{"/dev/zero", pipe(t, b.dir)}) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHuge$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "BODE_HUGE="+path, "BODE_TRUST="+b.trust)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(path), err, out)
			continue
		}
		_, rest, _ := strings.Cut(string(out), "took ")
		mib, err := strconv.Atoi(strings.SplitN(rest, " ", 2)[0])
		check(t, err)
		spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%s: %d MiB, %s", filepath.Base(path), mib, spent.Round(time.Millisecond))
		if mib > 256 || spent > 10*time.Second {
			t.Errorf("%s: %d MiB, %s", filepath.Base(path), mib, spent)
		}
	}
}

// pipe is one that nobody writes to.
func pipe(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "pipe")
	check(t, syscall.Mkfifo(path, 0o600))
	return path
}
