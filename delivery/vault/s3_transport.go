package vault

import (
	"io"
	"net/http"
	"sync"
)

// lettingGo is a transport that no longer reads the body of a request once it has
// returned. Without it the connection of a failed request may still be reading
// while the client rewinds the same octets for the next: a part would then lack
// some.
type lettingGo struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t lettingGo) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return t.RoundTripper.RoundTrip(r)
	}
	b := &borrowed{ReadCloser: r.Body}
	defer b.giveBack()
	r = r.Clone(r.Context()) // RoundTrip may not change what it is given
	r.Body = b
	return t.RoundTripper.RoundTrip(r)
}

// borrowed is the body of a request for as long as that is under way.
type borrowed struct {
	io.ReadCloser
	mu   sync.Mutex
	gone bool
}

// Read implements io.Reader.
func (b *borrowed) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone {
		return 0, io.ErrClosedPipe
	}
	return b.ReadCloser.Read(p)
}

// giveBack waits for a read that is under way; there are none after it.
func (b *borrowed) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone = true
}
