package delivery

import (
	"bufio"
	"io"
	"strings"
)

// Bounds of a list.
const (
	MaxBulkSize   = 64 << 20 // octets
	MaxBulkRows   = 100_000
	MaxColumns    = 200
	maxCell       = 32 << 10  // octets of one cell
	maxRecordSize = 256 << 10 // octets of one row
)

// Faults of a row that cannot be taken apart.
const (
	faultCell    = "cell_too_long"
	faultRow     = "row_too_long"
	faultColumns = "too_many_columns"
	faultQuote   = "quote_open"
)

// sheet reads a list of cells row by row. Unlike encoding/csv it holds no more
// than maxRecordSize in memory whatever the file says, goes on after a row that
// is wrong, and knows on which line of the file a row begins. Cells are text:
// nothing is a formula. RFC 4180 §2
type sheet struct {
	r     *bufio.Reader
	comma byte
	line  int // of the next octet, from 1
}

// sheetRow is one row. Fault is a code when it could not be taken apart whole.
type sheetRow struct {
	line  int
	cells []string
	fault string
}

func newSheet(r io.Reader, comma byte) *sheet {
	return &sheet{r: bufio.NewReaderSize(r, headSize), comma: comma, line: 1}
}

// next is the next row that holds anything. Errors: io.EOF, those of the reader.
func (s *sheet) next() (sheetRow, error) {
	for {
		row, err := s.row()
		if err != nil {
			return row, err
		}
		if row.fault != "" || strings.TrimSpace(strings.Join(row.cells, "")) != "" {
			return row, nil
		}
	}
}

// cells builds one row within bounds.
type cellBuilder struct {
	row   sheetRow
	cell  []byte
	total int
}

func (c *cellBuilder) put(b byte) {
	if c.total++; c.total > maxRecordSize {
		c.fault(faultRow)
		return
	}
	if len(c.cell) == maxCell {
		c.fault(faultCell)
		return
	}
	c.cell = append(c.cell, b)
}

func (c *cellBuilder) fault(code string) {
	if c.row.fault == "" {
		c.row.fault = code
	}
}

func (c *cellBuilder) end() {
	if len(c.row.cells) == MaxColumns {
		c.fault(faultColumns)
	} else {
		c.row.cells = append(c.row.cells, string(c.cell))
	}
	c.cell = c.cell[:0]
}

// row is the next row, which may be empty.
func (s *sheet) row() (sheetRow, error) {
	c := cellBuilder{row: sheetRow{line: s.line}}
	quoted, was, any := false, false, false // in quotes; this cell was; something was read
	for {
		b, err := s.r.ReadByte()
		if err == io.EOF {
			if !any {
				return sheetRow{}, io.EOF
			}
			if quoted {
				c.fault(faultQuote)
			}
			c.end()
			return c.row, nil
		}
		if err != nil {
			return sheetRow{}, err
		}
		any = true
		if b == '\n' || b == '\r' && !s.follows('\n') {
			s.line++
		}
		switch {
		case quoted && b == '"':
			if s.follows('"') {
				_, _ = s.r.Discard(1)
				c.put('"')
			} else {
				quoted = false
			}
		case quoted:
			if b != '\r' || !s.follows('\n') { // lines end with \n in what is kept
				c.put(b)
			}
		case b == '"' && !was && len(c.cell) == 0:
			quoted, was = true, true
		case b == s.comma:
			c.end()
			was = false
		case b == '\r' && s.follows('\n'):
		case b == '\n' || b == '\r':
			c.end()
			return c.row, nil
		default:
			c.put(b)
		}
	}
}

// follows reports whether b is the next octet.
func (s *sheet) follows(b byte) bool {
	p, err := s.r.Peek(1)
	return err == nil && p[0] == b
}

// SheetCell is a text as a cell of a list that a spreadsheet may open: what it
// would take as a formula begins with an apostrophe. [PlainCell] is its inverse.
func SheetCell(s string) string {
	if formula(s) {
		return "'" + s
	}
	return s
}

// PlainCell takes off the apostrophe that [SheetCell] put on.
func PlainCell(s string) string {
	if t, ok := strings.CutPrefix(s, "'"); ok && formula(t) {
		return t
	}
	return s
}

// formula reports whether a spreadsheet may compute s; some take the wide forms of
// the signs too.
func formula(s string) bool { return strings.IndexAny(s, "=+-@\t\r\n＝＋－＠") == 0 }
