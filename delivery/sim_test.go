package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// command is one step: what is done, of what, and what goes wrong. Its numbers
// mean something only to the world it meets.
type command struct {
	verb string
	a, b uint32
	with *command // at once with it
	fault
}

func (c command) String() string {
	s := fmt.Sprintf("%s %d %d", c.verb, c.a, c.b)
	if c.at > 0 {
		s += fmt.Sprintf(" (%s, at %d)", c.kind, c.at)
	}
	if c.with != nil {
		s += " and " + c.with.String()
	}
	return s
}

// simVerbs are the commands and how often each is drawn.
var simVerbs = []struct {
	verb string
	of   int
}{{"submit", 8}, {"approach", 38}, {"notify", 14}, {"consign", 3}, {"post", 6}, {"unpost", 3}, {"seal", 10}, {"report", 7}, {"sweep", 5},
	{"cancel", 2}, {"hold", 2}, {"retain", 2}, {"round", 4}, {"clock", 10}}

// draw makes the commands of a seed.
func draw(seed uint64, n int) []command {
	r := rand.New(rand.NewPCG(seed, 1))
	total := 0
	for _, v := range simVerbs {
		total += v.of
	}
	one := func() command {
		c := command{a: r.Uint32(), b: r.Uint32()}
		x := r.IntN(total)
		for _, v := range simVerbs {
			if x -= v.of; x < 0 {
				c.verb = v.verb
				break
			}
		}
		return c
	}
	list := make([]command, n)
	for i := range list {
		c := one()
		switch r.IntN(8) {
		case 0, 1:
			c.fault = fault{kind: faultKinds[r.IntN(len(faultKinds))], at: 1 + r.IntN(9)}
		case 2: // by two processes at once
			again := c
			c.with = &again
		case 3: // with something else about the same
			other := one()
			other.a = c.a
			c.with = &other
		}
		list[i] = c
	}
	return list
}

// jobKinds are the kinds of jobs behind a verb.
var jobKinds = map[string][]string{"notify": {"notify_send"}, "consign": {"delivery_consign"}, "post": {"delivery_post"},
	"unpost": {"delivery_cancel_post"}, "seal": {"evidence_seal", "evidence_finish"}}

// ready makes a command ready in the world as it is.
func (w *world) ready(ctx context.Context, c command) (action, error) {
	if kinds, ok := jobKinds[c.verb]; ok {
		list, err := w.openJobs(ctx, kinds...)
		if err != nil || len(list) == 0 {
			return w.approach(c), err
		}
		return w.work(list[int(c.a)%len(list)]), nil
	}
	return map[string]func(command) action{"submit": w.submit, "approach": w.approach, "report": w.reports, "sweep": w.sweep, "cancel": w.withdraw,
		"hold": w.hold, "retain": w.retain, "round": w.rounds, "clock": w.pass}[c.verb](c), nil
}

// crowd is how many messages are kept at a time.
const crowd = 14

// outcome is how a world ended.
type outcome struct {
	*world
	step int
	err  error
}

// errNoEnd is of a world whose test was broken off.
var errNoEnd = errors.New("the test broke off")

// play runs commands in a new world, and then lets everything come to its end.
func play(t *testing.T, queue context.Context, seed uint64, commands []command) outcome {
	o := outcome{world: &world{}, err: errNoEnd}
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		w, err := newWorld(newRig(t), queue, seed)
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		o.world = w
		for i, c := range commands {
			o.step = i
			if err := w.once(t.Context(), i, c); err != nil {
				o.err = fmt.Errorf("%s: %w", c, err)
				return
			}
		}
		o.step = len(commands)
		o.err = w.finish(t.Context())
	})
	return o
}

// auditEvery is after how many commands everything is looked at, beside what each
// changed.
const auditEvery = 500

// once runs the i-th command.
func (w *world) once(ctx context.Context, i int, c command) error {
	w.step = i
	w.begin(int(c.b))
	if c.verb == "submit" && len(w.kept()) >= crowd {
		c.verb = "approach"
	}
	one, err := w.ready(ctx, c)
	if err != nil {
		return err
	}
	list := []action{one}
	if c.with != nil && !strings.HasPrefix(one.name, "clock") {
		other, err := w.ready(ctx, *c.with)
		if err != nil {
			return err
		}
		list = append(list, other)
	}
	if err := w.run(ctx, c.fault, list...); err != nil {
		return err
	}
	if i%auditEvery == auditEvery-1 {
		return w.audit(ctx)
	}
	return nil
}

// simNumber reads a number from the environment.
func simNumber(t *testing.T, name string, or uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// lifeOf is how many commands a world lives.
const lifeOf = 2500

// TestSimEndToEnd plays worlds of random commands and faults, each followed by a
// look at everything that must hold. The seed is printed; BODE_SIM_SEED repeats
// it, BODE_SIM_STEPS makes it longer. What fails is made shorter, for
// BODE_SIM_PATIENCE seconds, and printed with what became of its last commands.
func TestSimEndToEnd(t *testing.T) {
	t.Parallel()
	steps := simNumber(t, "BODE_SIM_STEPS", 10_000)
	if testing.Short() {
		steps = 1000
	}
	seed := simNumber(t, "BODE_SIM_SEED", rand.Uint64()>>16)
	patience := time.Duration(simNumber(t, "BODE_SIM_PATIENCE", 40)) * time.Second
	t.Logf("BODE_SIM_SEED=%d BODE_SIM_STEPS=%d", seed, steps)
	queue, began := queueContext(newRig(t)), time.Now()
	var mu sync.Mutex
	events, hits, done := map[string]int{}, map[faultKind]int{}, 0
	lives := make(chan int, steps/lifeOf+1) // their lengths, in the order of their seeds
	for left := int(steps); left > 0; left -= lifeOf {
		lives <- min(left, lifeOf)
	}
	close(lives)
	next := seed
	var lanes sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		lanes.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				length, more := <-lives
				mu.Unlock()
				if !more || t.Failed() {
					return
				}
				commands := draw(n, length)
				o := play(t, queue, n, commands)
				mu.Lock()
				done += o.step
				for k, v := range o.events {
					events[k] += v
				}
				for k, v := range o.hits {
					hits[k] += v
				}
				mu.Unlock()
				if o.err != nil {
					t.Errorf("BODE_SIM_SEED=%d BODE_SIM_STEPS=%d repeats it: step %d: %v\n%s", n, length, o.step, o.err, last(o.world))
					t.Log(shorter(t, queue, n, commands[:min(o.step+1, len(commands))], time.Now().Add(patience)))
				}
			}
		})
	}
	lanes.Wait()
	t.Logf("%d steps in %s; events %v; faults %v", done, time.Since(began).Round(time.Second), events, hits)
}

// last is what became of the last commands.
func last(w *world) string {
	return "what came before:\n  " + strings.Join(w.diary[max(0, len(w.diary)-30):], "\n  ") + "\n"
}

// shorter leaves commands out as long as what remains still fails, and lists what
// remains.
func shorter(t *testing.T, queue context.Context, seed uint64, commands []command, end time.Time) string {
	was := len(commands)
	story := ""
	for size := (len(commands) + 1) / 2; size > 0 && time.Now().Before(end); {
		cut := false
		for at := 0; at < len(commands) && time.Now().Before(end); {
			less := slices.Concat(commands[:at], commands[min(at+size, len(commands)):])
			if o := play(t, queue, seed, less); o.err != nil {
				commands, cut = less[:min(o.step+1, len(less))], true
				story = fmt.Sprintf("step %d: %v\n%s", o.step, o.err, last(o.world))
				continue
			}
			at += size
		}
		if !cut || size > len(commands) {
			size /= 2
		}
	}
	if len(commands) == was {
		return "no shorter list of commands was found in time\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d commands fail as well:\n", len(commands), was)
	for _, c := range commands {
		fmt.Fprintf(&b, "  %s\n", c)
	}
	return b.String() + story
}
