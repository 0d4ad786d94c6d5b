//go:build cgo

package token

// Forget ends the connection and leaves the handles that belong to it.
func (k *Key) Forget() {
	_ = k.ctx.Close()
	k.ctx = nil
}
