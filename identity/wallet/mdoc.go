package wallet

import (
	"time"
)

func (w *Wallet) verifyMDoc(presentation string, s session, at time.Time) (credential, error) {
	return credential{}, ErrPresentation
}
