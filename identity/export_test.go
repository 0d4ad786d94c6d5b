package identity

// Hashes is how many passwords were hashed.
func (s *Service) Hashes() int64 { return s.hasher.hashes.Load() }

// HoldHashing fills the queue for the processor until release.
func (s *Service) HoldHashing() (release func()) {
	const n = maxWaiting + 1<<10
	s.hasher.waiting.Add(n)
	return func() { s.hasher.waiting.Add(-n) }
}
