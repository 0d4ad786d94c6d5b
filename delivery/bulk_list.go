package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// list is a stored list, open at its first row.
type list struct {
	io.Closer
	*sheet
	header []string
}

// heardList is how a list is to be read.
type heardList struct{ encoding, separator string }

// takeList streams a file into the vault, encrypted, and finds out how to read
// it. Errors: FieldErrors at /file, ErrTooLarge; after an error nothing is left.
func (s *Service) takeList(ctx context.Context, account string, id ID, r io.Reader) (Stored, heardList, error) {
	var l listener
	stored, err := s.Vault.Put(ctx, objectName(account, string(id)), io.TeeReader(&bounded{r: r, left: MaxBulkSize}, &l))
	if err != nil {
		return Stored{}, heardList{}, err
	}
	refuse := func(err error) (Stored, heardList, error) {
		s.drop(ctx, stored)
		return Stored{}, heardList{}, err
	}
	encoding, err := l.encoding()
	if errors.Is(err, errNotText) {
		return refuse(FieldErrors{{Pointer: "/file", Code: "not_csv"}})
	}
	if err != nil {
		return refuse(err)
	}
	text, err := decoded(bytes.NewReader(l.head), encoding)
	if err != nil {
		return refuse(err)
	}
	head, err := io.ReadAll(text)
	if err != nil {
		return refuse(err)
	}
	return stored, heardList{encoding, string(separator(string(head)))}, nil
}

// openList opens a stored list and reads the names of its columns. Errors:
// FieldErrors at /file.
func (s *Service) openList(ctx context.Context, st Stored, encoding, separator string) (*list, error) {
	r, err := s.Vault.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	text, err := decoded(r, encoding)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	l := &list{Closer: r, sheet: newSheet(text, separator[0])}
	first, err := l.next()
	if err == nil && len(first.cells) <= 2 && len(first.cells) > 0 && first.cells[0] == "sep=" { // what it says was heard
		first, err = l.next()
	}
	switch {
	case err == io.EOF:
		return nil, errors.Join(errEmptyList, r.Close())
	case err != nil:
		return nil, errors.Join(err, r.Close())
	case first.fault != "":
		return nil, errors.Join(FieldErrors{{Pointer: "/file", Code: first.fault}}, r.Close())
	}
	l.header = first.cells
	return l, nil
}

// take is the next rows, at most n; none at the end.
func (l *list) take(n int) (rows []sheetRow, err error) {
	for len(rows) < n {
		row, err := l.next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// skip passes over rows.
func (l *list) skip(n int) error {
	for range n {
		if _, err := l.next(); err != nil {
			return err
		}
	}
	return nil
}
