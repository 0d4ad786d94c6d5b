package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
)

// member is one file of a container.
type member struct {
	name string
	data []byte
}

func unzip(t *testing.T, doc []byte) (list []member) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(doc), int64(len(doc)))
	check(t, err)
	for _, f := range z.File {
		r, err := f.Open()
		check(t, err)
		data, err := io.ReadAll(r)
		check(t, err)
		list = append(list, member{f.Name, data})
	}
	return list
}

// pack writes members as a dossier is written: stored, without dates.
func pack(list []member) []byte {
	var b, directory []byte
	for _, m := range list {
		var h []byte
		for _, n := range []uint16{20, 1 << 11, 0, 0, 33} {
			h = binary.LittleEndian.AppendUint16(h, n)
		}
		for _, n := range []uint32{crc32.ChecksumIEEE(m.data), uint32(len(m.data)), uint32(len(m.data)), uint32(len(m.name))} {
			h = binary.LittleEndian.AppendUint32(h, n) // the last also says that there is no extra field
		}
		directory = append(append(append(directory, "PK\x01\x02\x14\x00"...), h...), make([]byte, 10)...)
		directory = append(binary.LittleEndian.AppendUint32(directory, uint32(len(b))), m.name...)
		b = append(append(append(append(b, "PK\x03\x04"...), h...), m.name...), m.data...)
	}
	end := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	end = binary.LittleEndian.AppendUint16(end, uint16(len(list)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(list)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(directory)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(b)))
	return append(append(append(b, directory...), end...), 0, 0)
}

// brokenDossiers repacks dossiers as somebody without a key, and packs others as
// an insider.
func brokenDossiers(t *testing.T, w, other *world) (list []sample) {
	doc := w.dossier(t)
	files := unzip(t, doc)
	if !bytes.Equal(pack(files), doc) {
		t.Fatal("dossiers are packed in another way")
	}
	add := func(name string, doc []byte, want string) {
		list = append(list, sample{"dossier: " + name, doc, evidence.Beside{}, w.trust, want})
	}
	for i, f := range files {
		changed := slices.Clone(files)
		changed[i].data = bytes.Clone(f.data)
		changed[i].data[len(f.data)/2] ^= 1
		want := "manifest"
		switch {
		case f.name == "mimetype":
			want = "format"
		case strings.HasSuffix(f.name, "ASiCManifest001.xml"):
			want = "signature"
		case strings.HasSuffix(f.name, ".p7s"):
			want = "signature timestamp certificate"
		}
		add("changed "+f.name, pack(changed), want)
		if f.name != "mimetype" && i%3 == 0 {
			add("without "+f.name, pack(slices.Delete(slices.Clone(files), i, i+1)), "manifest format signature")
			changed = slices.Clone(files)
			changed[i].name += "x"
			add("renamed "+f.name, pack(changed), "manifest format")
		}
	}
	n := len(files)
	insert := func(i int, m member) []byte { return pack(slices.Insert(slices.Clone(files), i, m)) }
	add("file added", insert(n-2, member{"more.txt", []byte("x")}), "manifest")
	add("evidence added", insert(n-2, member{"evidence/006-ContentHandover.xml", w.pieces[own].XML}), "manifest")
	add("file before the type", insert(0, member{"a", nil}), "format")
	add("file after the signature", insert(n, member{"META-INF/x", nil}), "format")
	add("second signature", insert(n, member{"META-INF/signature002.p7s", files[n-1].data}), "format")
	add("file twice", insert(n-2, files[2]), "format")
	add("way out of the folder", insert(n-2, member{"../../etc/passwd", []byte("x")}), "manifest format")
	swapped := slices.Clone(files)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	add("order", pack(swapped), "manifest")
	add("manifest of another dossier", pack(append(slices.Clone(files[:n-2]), unzip(t, other.dossier(t))[n-2], files[n-1])), "signature")
	add("signature of another dossier", pack(append(slices.Clone(files[:n-1]), unzip(t, other.dossier(t))[n-1])), "signature")
	add("nothing in it", pack(nil), "format")
	add("of a stranger", other.dossier(t), "timestamp")
	stranger := w.trust
	stranger.Seal = other.trust.Seal
	list = append(list, sample{"dossier: seal of a stranger", doc, evidence.Beside{}, stranger, "certificate"})

	list = append(list, brokenContainers(t, w, doc, files)...)
	return append(list, brokenDeliveries(t, w, other)...)
}

// brokenContainers are no ZIP of ours.
func brokenContainers(t *testing.T, w *world, doc []byte, files []member) (list []sample) {
	add := func(name string, doc []byte) {
		list = append(list, sample{"container: " + name, doc, evidence.Beside{}, w.trust, "format"})
	}
	add("something behind it", append(bytes.Clone(doc), 0))
	add("comment", append(bytes.Clone(doc[:len(doc)-2]), 1, 0, 'x'))
	add("cut short", doc[:len(doc)-1])
	add("half", doc[:len(doc)/2])
	add("first header only", doc[:30])
	for i, at := range []int{6, 8, 10, 12, 18, 22, 28} { // flags, method, time, date, sizes, extra
		b := bytes.Clone(doc)
		b[at] ^= 1
		add(fmt.Sprintf("field %d of the first header", i+1), b)
	}
	b := bytes.Clone(doc)
	i := bytes.LastIndex(b, []byte("PK\x01\x02"))
	b[i+42]++
	add("file that begins elsewhere", b)
	b = bytes.Clone(doc)
	copy(b[i+20:], "\xff\xff\xff\x7f\xff\xff\xff\x7f")
	add("file of two gibibytes", b)
	b = bytes.Clone(doc)
	copy(b[len(b)-14:], "\xff\xff\xff\xff")
	add("sixty-five thousand files", b)
	for _, level := range []int{flate.NoCompression, flate.BestCompression} {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, f := range files {
			e, err := z.Create(f.name)
			check(t, err)
			_, err = e.Write(f.data)
			check(t, err)
		}
		check(t, z.Close())
		add(fmt.Sprintf("compressed, level %d", level), out.Bytes())
	}
	add("bomb", bomb(t, files))
	return list
}

// bomb is a dossier with a file that unpacks to half a gibibyte.
func bomb(t *testing.T, files []member) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		e, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		check(t, err)
		_, err = e.Write(f.data)
		check(t, err)
	}
	e, err := z.Create("content/zeros")
	check(t, err)
	zeros := make([]byte, 1<<20)
	for range 512 {
		_, err = e.Write(zeros)
		check(t, err)
	}
	check(t, z.Close())
	return out.Bytes()
}

// brokenDeliveries are packed and sealed properly, by an insider, around
// evidence that does not hold together.
func brokenDeliveries(t *testing.T, w, other *world) (list []sample) {
	with := func(name, want string, change func(p []asic.Piece) []asic.Piece, content ...asic.File) {
		doc := w.pack(t, change(slices.Clone(w.pieces)), content...)
		list = append(list, sample{"delivery: " + name, doc, evidence.Beside{}, w.trust, want})
	}
	same := func(p []asic.Piece) []asic.Piece { return p }
	with("first event missing", "chain", func(p []asic.Piece) []asic.Piece { return p[1:] })
	with("an event missing", "chain", func(p []asic.Piece) []asic.Piece { return slices.Delete(p, 1, 2) })
	with("two events missing", "chain", func(p []asic.Piece) []asic.Piece { return slices.Delete(p, 1, 3) })
	with("last event only", "chain", func(p []asic.Piece) []asic.Piece { return p[4:] })
	with("content that was not sent", "chain", same, file("message.txt", "hello w0rld"))
	with("content beside the right one", "chain", same, file("message.txt", "hello world"), file("more.txt", "more"))
	with("empty content", "chain", same, file("message.txt", ""))
	change := func(name string, f func(p *asic.Piece)) {
		with(name, "member", func(p []asic.Piece) []asic.Piece { f(&p[batched]); return p })
	}
	change("changed evidence", func(p *asic.Piece) { p.XML = apply(t, p.XML, swap{"", "Opzegging", "Verlenging"}) })
	change("evidence without signature", func(p *asic.Piece) { p.XML = bytes.Replace(p.XML, []byte(signatureOf(p.XML)), nil, 1) })
	change("evidence of another event", func(p *asic.Piece) { p.XML = w.pieces[own].XML })
	change("evidence of a stranger", func(p *asic.Piece) { p.XML = other.pieces[batched].XML })
	change("PDF of another event", func(p *asic.Piece) { p.PDF = w.pieces[own].PDF })
	change("PDF of a stranger", func(p *asic.Piece) { p.PDF = other.pieces[batched].PDF })
	change("PDF that is none", func(p *asic.Piece) { p.PDF = []byte("%PDF-1.7\n") })
	change("PDF with something appended", func(p *asic.Piece) { p.PDF = append(bytes.Clone(p.PDF), '\n') })
	change("no record", func(p *asic.Piece) { p.Record = nil })
	change("record of another", func(p *asic.Piece) { p.Record = w.pieces[1].Record })
	change("record that is none", func(p *asic.Piece) { p.Record = []byte("record") })
	change("proof of another", func(p *asic.Piece) { p.Proof = w.pieces[1].Proof })
	change("proof of another log", func(p *asic.Piece) { p.Proof = other.pieces[batched].Proof })
	change("proof that is none", func(p *asic.Piece) { p.Proof = []byte("proof") })
	return list
}
