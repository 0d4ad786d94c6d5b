package vault

// NameDrafts makes v work as on a file system without anonymous files.
func (v *Dir) NameDrafts() { v.files.anonymous = false }

// AnonymousDrafts reports whether files have no name here until published.
func (v *Dir) AnonymousDrafts() bool { return v.files.anonymous }

// FileOf is where an object lies.
func (v *Dir) FileOf(name string) string { return v.path(name) }

// Mark does the first step of Destroy only, as a crash would leave it.
func (k *Keyring) Mark(id string) error { return k.mark(id) }
