package wallet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"
)

const (
	maxStatusToken = 2 << 20
	maxLists       = 64
)

// lists keeps verified lists for as long as they say. Safe for concurrent use.
type lists struct {
	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	statusList
	provider string
}

func (l *lists) get(uri, provider string, at time.Time) (statusList, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.kept[uri]
	return k.statusList, ok && k.provider == provider && at.Before(k.until)
}

func (l *lists) put(uri, provider string, s statusList, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for u, k := range l.kept {
		if !at.Before(k.until) {
			delete(l.kept, u)
		}
	}
	if len(l.kept) < maxLists {
		l.kept[uri] = kept{s, provider}
	}
}

// checkStatus says whether a credential is valid, and gives the token that says
// so. at is the true time.
//
// Errors: ErrCredential when it is revoked, suspended, or should have a status
// and has none; ErrStatus when that cannot be found out.
func (w *Wallet) checkStatus(ctx context.Context, c credential, at time.Time) (token string, err error) {
	if c.status == (reference{}) {
		if !c.short {
			return "", fmt.Errorf("%w: cannot be revoked and is valid for long", ErrCredential)
		}
		return "", nil
	}
	if !w.fetchable(c.status.URI) {
		return "", fmt.Errorf("%w: status is kept where we do not look", ErrCredential)
	}
	list, ok := w.lists.get(c.status.URI, c.provider.Name, at)
	if !ok {
		if list, err = w.fetchList(ctx, c.status.URI, c.provider, at); err != nil {
			return "", fmt.Errorf("%w: %w", ErrStatus, err)
		}
		w.lists.put(c.status.URI, c.provider.Name, list, at)
	}
	return list.token, list.check(c.status.Index)
}

func (w *Wallet) fetchList(ctx context.Context, uri string, p Provider, at time.Time) (statusList, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return statusList{}, err
	}
	req.Header.Set("Accept", "application/statuslist+jwt")
	resp, err := w.client.Do(req)
	if err != nil {
		return statusList{}, err
	}
	defer resp.Body.Close()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "application/statuslist+jwt" {
		return statusList{}, fmt.Errorf("status list: answer %d, %.60q", resp.StatusCode, kind)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatusToken+1))
	if err != nil || len(body) > maxStatusToken {
		return statusList{}, errors.New("status list: too long, or cut off")
	}
	return readList(string(bytes.TrimSpace(body)), uri, p, at)
}
