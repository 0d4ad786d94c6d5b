package eid

// Forget makes v ask again.
func (v *Verifier) Forget() {
	v.kept.mu.Lock()
	defer v.kept.mu.Unlock()
	clear(v.kept.by)
}
