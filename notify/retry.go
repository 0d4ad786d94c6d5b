package notify

import (
	"hash/fnv"
	"strconv"
	"time"
)

const (
	// maxTries bounds the attempts of one notice.
	maxTries = 8
	// doubtDelay is the least wait after an attempt of which we do not know
	// whether it arrived: time for a report to come before it is sent twice.
	doubtDelay = 5 * time.Minute
	// codeLife is how long a code is taken to live when the facts do not say.
	codeLife = 10 * time.Minute
)

// delays are the waits after the first attempt, the second, and so on. A code is
// waited for by somebody; anything else can let a grey list pass
// (RFC 5321 §4.5.4.1).
func delays(k Kind) []time.Duration {
	if k.isCode() {
		return []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute}
	}
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour}
}

// lastRetry is when a notice stops being worth another attempt: a code or a link
// when it expires, an announcement when nobody can decide any more, an SMS after a day,
// anything after two. f may be empty when the facts were not asked.
func lastRetry(n Notice, created time.Time, f Facts) time.Time {
	life := 48 * time.Hour
	switch {
	case n.Kind.isCode() && f.CodeMinutes > 0:
		life = time.Duration(f.CodeMinutes) * time.Minute
	case n.Kind.isCode():
		life = codeLife
	case n.Channel == SMS:
		life = 24 * time.Hour
	}
	last := created.Add(life)
	ends := f.Until
	if n.Kind == Announcement || n.Kind == Reminder || n.Kind == DelegateNamed {
		ends = f.Deadline
	}
	if !ends.IsZero() && ends.Before(last) {
		last = ends
	}
	return last
}

// retryDelay is how long to wait before the next attempt, and false when there
// is none: it was sent, the address will not work, the tries or the time are
// used up. number is that of the attempt that ended.
func retryDelay(n Notice, number int, ended, last time.Time, r Result) (time.Duration, bool) {
	if (r.Outcome != Temporary && r.Outcome != Technical) || number >= maxTries {
		return 0, false
	}
	d := delays(n.Kind)[number-1]
	if r.InDoubt && !n.Kind.isCode() {
		d = max(d, doubtDelay)
	}
	d = spread(n.ID, number, d)
	return d, ended.Add(d).Before(last)
}

// spread moves d by at most a tenth either way, so that what failed together
// does not come back together. The same attempt always gets the same wait.
func spread(id string, number int, d time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(id + "/" + strconv.Itoa(number)))
	share := float64(h.Sum32())/float64(1<<32)*0.2 - 0.1
	return d + time.Duration(share*float64(d)).Truncate(time.Millisecond)
}
