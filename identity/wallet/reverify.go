package wallet

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Reverify verifies a kept Proof.Token as it was at the time of its proof,
// without the network: for an auditor, years later, with the anchors of that time
// configured. The status is verified again when its list was kept.
//
// Errors: those of Finish.
func (w *Wallet) Reverify(kept []byte, at time.Time) (identity.Proof, error) {
	var t token
	if err := json.Unmarshal(kept, &t); err != nil {
		return identity.Proof{}, fmt.Errorf("%w: not a kept presentation", ErrPresentation)
	}
	c, err := w.verify(t, at)
	if err != nil {
		return identity.Proof{}, err
	}
	status := "not kept"
	if c.status == (reference{}) {
		status = "none"
	}
	if t.Status != "" {
		list, err := readList(t.Status, c.status.URI, c.provider, at)
		if err != nil {
			return identity.Proof{}, fmt.Errorf("%w: %w", ErrStatus, err)
		}
		if err := list.check(c.status.Index); err != nil {
			return identity.Proof{}, err
		}
		status = "ok"
	}
	p, err := c.proof(t, at, identity.Check{Name: "status", Result: status})
	p.Token = kept
	return p, err
}
