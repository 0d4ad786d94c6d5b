package delivery

// maxSeated is how many submissions with somebody waiting for the answer a process
// has in hand. What fits is written within a second or two on a slow machine; who
// came later would wait for longer than clients do, and ask again meanwhile.
const maxSeated = 128

// Seat is where a submission waits whose sender waits too; call leave when it is
// answered. It is taken once all was received, or slow senders would hold it. Work
// of our own needs none. Errors: ErrBusy, at once: nothing was done.
func (s *Service) Seat() (leave func(), err error) {
	if s.seated.Add(1) > maxSeated {
		s.seated.Add(-1)
		return nil, ErrBusy
	}
	return func() { s.seated.Add(-1) }, nil
}
