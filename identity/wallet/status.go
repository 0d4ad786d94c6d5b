package wallet

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

// reference is where a credential says its status is; the zero one is none.
type reference struct {
	URI   string
	Index int
}

// statusOf reads the status claim. A mechanism we do not know is refused: whoever
// revoked the credential there would not be heard.
//
// HAIP 1.0 §6.1; draft-ietf-oauth-status-list §6
func statusOf(v any) (reference, error) {
	if v == nil {
		return reference{}, nil
	}
	claim, _ := v.(map[string]any)
	list, _ := claim["status_list"].(map[string]any)
	uri := text(list, "uri")
	var index uint64
	var err error
	switch n := list["idx"].(type) {
	case json.Number:
		index, err = strconv.ParseUint(n.String(), 10, 31)
	case uint64:
		index = n
	default:
		err = strconv.ErrSyntax
	}
	if uri == "" || err != nil || index > 1<<30 {
		return reference{}, fmt.Errorf("%w: status is malformed or of a kind we do not know", ErrCredential)
	}
	return reference{uri, int(index)}, nil
}

// fetchable reports whether a status list may be fetched: the address is the
// credential's word, so only hosts an operator listed are ever asked.
func (w *Wallet) fetchable(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.User != nil || u.Fragment != "" || u.Opaque != "" || len(uri) > 2000 {
		return false
	}
	return slices.Contains(w.cfg.StatusOrigins, u.Scheme+"://"+u.Host)
}
