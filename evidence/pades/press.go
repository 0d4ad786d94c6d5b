package pades

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"sync"
	"time"
)

// press is what every document needs and none changes: the faces with their
// common characters, compressed once, and the colour profile. Safe for
// concurrent use.
type press struct {
	faces   [faceCount]*face
	common  [faceCount]*commonFont
	zone    *time.Location
	profile []byte // compressed, as is cmap
	cmap    []byte // of the common fonts
	writers sync.Pool
}

// ready is the one press of the process: it reads only what is built in.
var ready = sync.OnceValues(newPress)

func newPress() (*press, error) {
	faces, err := parseFaces()
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return nil, fmt.Errorf("%w: time zone data: %w", ErrRender, err)
	}
	p := &press{faces: faces, zone: zone}
	p.profile = p.deflate(sRGB(), slow)
	p.cmap = p.toUnicode()
	for i, f := range faces {
		common := textCommon
		if faceID(i) == mono {
			common = monoCommon
		}
		p.common[i] = p.newCommonFont(f, common)
	}
	return p, nil
}

// The levels of compression: once for all documents, and for each, where twice
// the effort would save 700 octets.
const (
	slow  = zlib.BestCompression
	quick = zlib.BestSpeed
)

// deflate compresses data. Quick writers are used again: a new one costs more
// than what it does here.
func (p *press) deflate(data []byte, level int) []byte {
	out := bytes.NewBuffer(make([]byte, 0, len(data)/2+128))
	w, _ := p.writers.Get().(*zlib.Writer)
	if level != quick || w == nil {
		w, _ = zlib.NewWriterLevel(out, level) // both are levels that the package has
	} else {
		w.Reset(out)
	}
	_, _ = w.Write(data) // a bytes.Buffer takes everything
	_ = w.Close()
	if level == quick {
		p.writers.Put(w)
	}
	return out.Bytes()
}

// stored is data as deflate writes what it cannot compress. ISO 32000-1 §7.4.4;
// RFC 1950 §2.2, RFC 1951 §3.2.4
func stored(data []byte) []byte {
	be, le := binary.BigEndian, binary.LittleEndian
	out := append(make([]byte, 0, len(data)+len(data)/0xFFFF*5+16), 0x78, 0x01)
	for rest := data; ; {
		n := min(len(rest), 0xFFFF)
		last := byte(0)
		if n == len(rest) {
			last = 1
		}
		out = append(le.AppendUint16(le.AppendUint16(append(out, last), uint16(n)), ^uint16(n)), rest[:n]...)
		if rest = rest[n:]; last == 1 {
			return be.AppendUint32(out, adler32.Checksum(data))
		}
	}
}
