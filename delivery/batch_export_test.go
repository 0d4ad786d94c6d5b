package delivery

import (
	"context"
	"time"
)

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

// Queue is the queue of submissions by itself, of those who are numbers.
type Queue struct {
	queue
	turns []*turn
}

// Join lets one more wait or lead, and returns whether it leads.
func (q *Queue) Join() bool {
	t := &turn{told: make(chan verdict, 1)}
	q.turns = append(q.turns, t)
	q.join(t)
	return q.Leads(len(q.turns) - 1)
}

// Leads says whether number i was told to lead since it was asked the last time.
func (q *Queue) Leads(i int) bool {
	select {
	case v := <-q.turns[i].told:
		return v == leads
	default:
		return false
	}
}

// Take takes those who go with number i.
func (q *Queue) Take(i int) (together int, soon, end func()) {
	list, soon, end := q.take(q.turns[i])
	return len(list), soon, end
}

// Gather is gather; Company says whether it would wait.
func (q *Queue) Gather(ctx context.Context, most time.Duration) { q.gather(ctx, most) }

// Company says whether anybody is waited for.
func (q *Queue) Company() bool { return q.company() != nil }

// Ago makes the last time one that was so long ago.
func (q *Queue) Ago(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.at = time.Now().Add(-d)
}
