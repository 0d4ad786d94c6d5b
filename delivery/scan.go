package delivery

import (
	"context"
	"errors"
	"io"
)

// Errors of looking for malware.
var (
	// ErrMalware: malware was found in a document. Nothing of it is kept.
	ErrMalware = errors.New("delivery: malware")
	// ErrUnscanned: nobody could say whether there is malware in a document, so it
	// is not taken.
	ErrUnscanned = errors.New("delivery: not looked at for malware")
)

// Scanner looks for malware. It reads r to its end unless it fails, and returns
// the name of what it found, or ErrUnscanned.
type Scanner interface {
	Scan(ctx context.Context, r io.Reader) (found string, err error)
}

// watched is an upload that a Scanner sees as it passes: memory stays flat, and
// the content is not read twice.
type watched struct {
	r       io.Reader
	copy    *io.PipeWriter
	verdict chan error
}

// watch lets the scanner see what is read from the result.
func (s *Service) watch(ctx context.Context, r io.Reader) *watched {
	seen, write := io.Pipe()
	w := &watched{r, write, make(chan error, 1)}
	if s.Scanner == nil {
		seen.Close()
		w.verdict <- nil
		return w
	}
	go func() {
		found, err := s.Scanner.Scan(ctx, seen)
		seen.Close() // who scans no more must not hold up who reads
		if err == nil && found != "" {
			s.Log.WarnContext(ctx, "malware in an upload", "found", found)
			err = ErrMalware
		}
		w.verdict <- err
	}()
	return w
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		_, _ = w.copy.Write(p[:n]) // fails once the scanner is done, which its verdict explains
	}
	if err != nil {
		w.copy.CloseWithError(err)
	}
	return n, err
}

// over ends the upload and returns nil, ErrMalware or ErrUnscanned. What was not
// read to its end is not judged.
func (w *watched) over(read error) error {
	if read != nil {
		w.copy.CloseWithError(read)
		<-w.verdict
		return read
	}
	w.copy.Close()
	return <-w.verdict
}
