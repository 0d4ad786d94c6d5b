package delivery

// NextWriter is how many wait for one writer before there is another.
const NextWriter = nextWriter

// MaxSmall is how many recipients a message has at most that goes with others.
const MaxSmall = maxSmall

// Waiting is how many submissions wait for those that are being written.
func (s *Service) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting)
}
