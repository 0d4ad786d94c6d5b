package post

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// Cause says why a part of the content is not on paper. The words are in the
// translation files.
type Cause string

const (
	MediaType     Cause = "media_type"     // neither PDF nor plain text
	Encrypted     Cause = "encrypted"      // password or rights management
	Broken        Cause = "broken"         // not a PDF, cut off, or undecodable
	Form          Cause = "form"           // filled fields that only a viewer draws, or XFA
	ActiveContent Cause = "active_content" // JavaScript: the paper might not show what the screen shows
	Portfolio     Cause = "portfolio"      // a PDF that is only a container
	Layers        Cause = "layers"         // layers that are off when opened
	PageTooLarge  Cause = "page_too_large" // larger than A2
	TooManyPages  Cause = "too_many_pages" // would make the letter longer than Config.MaxPages
	TooLarge      Cause = "too_large"      // more than Config.MaxBytes
	Encoding      Cause = "encoding"       // text that is not UTF-8
)

//go:embed causes.json
var causeFile []byte

// canonical maps what a partner writes to a cause of causes.json.
type canonical map[string]struct {
	code   string
	status delivery.PostStatus
}

func loadCauses() (canonical, error) {
	all := map[string]struct {
		Status  delivery.PostStatus `json:"status"`
		Aliases []string            `json:"aliases"`
	}{}
	if err := json.Unmarshal(causeFile, &all); err != nil {
		return nil, fmt.Errorf("post: causes.json: %w", err)
	}
	c := canonical{}
	for code, v := range all {
		for _, key := range append(v.Aliases, code) {
			e := c[strings.ToLower(key)]
			e.code, e.status = code, v.Status
			c[strings.ToLower(key)] = e
		}
	}
	return c, nil
}

// of gives the canonical code of a partner's cause. One we do not know, or that
// does not belong to the status, is "other"; a status that needs no cause has
// none.
func (c canonical) of(status delivery.PostStatus, cause string) string {
	if !slices.Contains([]delivery.PostStatus{delivery.PostReturned, delivery.PostRefused}, status) {
		return ""
	}
	e, ok := c[strings.ToLower(strings.TrimSpace(cause))]
	if !ok || e.status != "" && e.status != status {
		return "other"
	}
	return e.code
}
