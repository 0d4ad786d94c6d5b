package asic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
)

// archive writes a ZIP of stored entries with one possible form: no dates, no
// attributes, no extra fields, no comments, names in UTF-8. archive/zip would do
// for writing, but its exact octets may change from one release to the next, and
// the verifier compares octets. APPNOTE 6.3 §4.3
type archive struct {
	out     io.Writer
	offset  uint64
	entries []packed
}

type packed struct {
	name   string
	crc    uint32
	size   uint32
	offset uint32
}

const (
	zipVersion = 20       // 2.0: folders
	zipUTF8    = 1 << 11  // names are UTF-8
	zipDate    = 1<<5 | 1 // 1 January 1980, the first date there is
)

func (z *archive) write(p []byte) error {
	n, err := z.out.Write(p)
	z.offset += uint64(n)
	return err
}

// header is what local and central header have in common.
func header(p packed) []byte {
	var b []byte
	b = binary.LittleEndian.AppendUint16(b, zipVersion)
	b = binary.LittleEndian.AppendUint16(b, zipUTF8)
	b = binary.LittleEndian.AppendUint16(b, 0) // stored
	b = binary.LittleEndian.AppendUint16(b, 0) // midnight
	b = binary.LittleEndian.AppendUint16(b, zipDate)
	b = binary.LittleEndian.AppendUint32(b, p.crc)
	b = binary.LittleEndian.AppendUint32(b, p.size)
	b = binary.LittleEndian.AppendUint32(b, p.size)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.name)))
	return binary.LittleEndian.AppendUint16(b, 0) // no extra field
}

// start writes the local header of an entry.
func (z *archive) start(name string, crc uint32, size uint64) error {
	if len(z.entries) > maxFiles+3 || z.offset+size > maxTotal || len(name) > 1000 {
		return fmt.Errorf("%w: too large", ErrDossier)
	}
	p := packed{name, crc, uint32(size), uint32(z.offset)}
	z.entries = append(z.entries, p)
	return z.write(append(append([]byte("PK\x03\x04"), header(p)...), name...))
}

// add writes an entry that is in memory.
func (z *archive) add(name string, data []byte) error {
	if err := z.start(name, crc32.ChecksumIEEE(data), uint64(len(data))); err != nil {
		return err
	}
	return z.write(data)
}

// addEntry writes a data file and returns its SHA-256. A file that does not
// have the announced digest, or changes between its two readings, is refused.
func (z *archive) addEntry(ctx context.Context, e entry) ([]byte, error) {
	if e.open == nil {
		e.open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.data)), nil }
	}
	crc, size, digest, err := pass(ctx, e, io.Discard)
	if err != nil {
		return nil, err
	}
	if e.want != "" && e.want != hex.EncodeToString(digest) {
		return nil, fmt.Errorf("%w: %s", ErrContent, e.name)
	}
	if err := z.start(e.name, crc, uint64(size)); err != nil {
		return nil, err
	}
	_, _, again, err := pass(ctx, e, writerFunc(func(p []byte) (int, error) { return len(p), z.write(p) }))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, digest) {
		return nil, fmt.Errorf("%w: %s changed while it was read", ErrContent, e.name)
	}
	return digest, nil
}

// pass reads e once, into w.
func pass(ctx context.Context, e entry, w io.Writer) (crc uint32, size int64, digest []byte, err error) {
	r, err := e.open(ctx)
	if err != nil {
		return 0, 0, nil, fmt.Errorf("asic: open %s: %w", e.name, err)
	}
	defer r.Close()
	sum, check := sha256.New(), crc32.NewIEEE()
	if size, err = io.Copy(io.MultiWriter(sum, check, w), r); err != nil {
		return 0, 0, nil, fmt.Errorf("asic: read %s: %w", e.name, err)
	}
	return check.Sum32(), size, sum.Sum(nil), nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// close writes the central directory.
func (z *archive) close() error {
	start := z.offset
	for _, p := range z.entries {
		b := binary.LittleEndian.AppendUint16([]byte("PK\x01\x02"), zipVersion)
		b = append(b, header(p)...)
		b = append(b, make([]byte, 10)...) // no comment, disk 0, no attributes
		b = binary.LittleEndian.AppendUint32(b, p.offset)
		if err := z.write(append(b, p.name...)); err != nil {
			return err
		}
	}
	n := uint16(len(z.entries))
	b := append([]byte("PK\x05\x06"), 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, n)
	b = binary.LittleEndian.AppendUint16(b, n)
	b = binary.LittleEndian.AppendUint32(b, uint32(z.offset-start))
	b = binary.LittleEndian.AppendUint32(b, uint32(start))
	return z.write(append(b, 0, 0))
}
