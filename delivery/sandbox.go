package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// Sandbox is where test messages go instead of out.
type Sandbox struct {
	// Post makes letters and hands none over. nil: test letters go where live ones do.
	Post PostPartner
	// All: no test message leaves, whoever it is to. Otherwise only those to
	// [SimDomain] stay.
	All bool
}

// SimDomain is the domain of recipients who do by themselves what the local part
// of their address says, in test messages. It is nobody's: RFC 6761 §6.2
const SimDomain = "sim.test"

// scene is how a recipient of the sandbox behaves. The zero scene is told on both
// channels, decides nothing, and gets a letter that is delivered.
type scene struct {
	mail, sms notify.Outcome // "": it is taken
	once      bool           // mail fails at the first try only
	act       act
	end       PostStatus // of a letter; "": it is delivered
}

// act is what a recipient does an hour after being told.
type act string

const (
	nothing  act = ""
	visits   act = "visits"   // uses the link and goes no further
	mistaken act = "mistaken" // identifies, and is somebody else
	accepts  act = "accepts"  // takes it and reads nothing
	collects act = "collects" // takes it and reads everything
	refuses  act = "refuses"
	late     act = "late" // collects when the letter is on its way
)

// scenes are the magic local parts. One may be followed by "+" and anything.
var scenes = map[string]scene{
	"collect":       {act: collects},
	"accept":        {act: accepts},
	"refuse":        {act: refuses},
	"visit":         {act: visits},
	"mismatch":      {act: mistaken},
	"expire":        {},
	"collect-late":  {act: late},
	"bounce-hard":   {mail: notify.Permanent},
	"bounce-soft":   {mail: notify.Temporary, once: true},
	"no-sms":        {sms: notify.Permanent},
	"unreachable":   {mail: notify.Permanent, sms: notify.Permanent},
	"posted":        {end: PostAccepted},
	"post-returned": {end: PostReturned},
	"post-refused":  {end: PostRefused},
	"post-lost":     {end: PostLost},
}

// scene is how the recipient of d behaves; false for who is nobody of the
// sandbox. An unknown local part is told and does nothing.
func (d Delivery) scene() (scene, bool) {
	local, domain, _ := strings.Cut(strings.ToLower(d.Recipient.Email), "@")
	if !d.Message.Test || domain != SimDomain {
		return scene{}, false
	}
	name, _, _ := strings.Cut(local, "+")
	sc := scenes[name]
	if d.Recipient.Organisation != nil {
		sc.act = nothing // nobody of the sandbox holds a mandate
	}
	return sc, true
}

// rehearsed reports that nothing of d leaves.
func (s *Service) rehearsed(d Delivery) bool {
	if s.Sandbox == nil || !d.Message.Test {
		return false
	}
	_, simulated := d.scene()
	return simulated || s.Sandbox.All
}

// partner is who prints and posts d.
func (s *Service) partner(d Delivery) PostPartner {
	if s.rehearsed(d) && s.Sandbox.Post != nil {
		return s.Sandbox.Post
	}
	return s.Post
}

// Rehearse keeps notices of test messages from a transport where they belong in
// the sandbox: none of them reaches it.
func (s *Service) Rehearse(ch notify.Channel, t notify.Transport) notify.Transport {
	if s.Sandbox == nil {
		return t
	}
	return stage{s, ch, t}
}

// stage stands before a transport.
type stage struct {
	s    *Service
	ch   notify.Channel
	next notify.Transport
}

// Deliver implements notify.Transport.
func (g stage) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	if !m.Test || m.Notice.Delivery == "" {
		return g.next.Deliver(ctx, m)
	}
	d, err := g.s.load(ctx, ID(m.Notice.Delivery))
	if err != nil { // whether it may leave is not known
		return notify.Result{Outcome: notify.Technical, Reply: "sandbox: delivery cannot be read"}, ""
	}
	if !g.s.rehearsed(d) {
		return g.next.Deliver(ctx, m)
	}
	sum := sha256.Sum256([]byte(m.Subject + "\n\n" + m.Text))
	return d.played(g.ch, m), hex.EncodeToString(sum[:])
}

// played is what becomes of a notice in the sandbox.
func (d Delivery) played(ch notify.Channel, m notify.Message) notify.Result {
	sc, _ := d.scene()
	o := sc.mail
	if ch == notify.SMS {
		o = sc.sms
	} else if sc.once && m.Attempt > 1 || m.Notice.To != d.Recipient.Email {
		o = ""
	}
	r := notify.Result{Outcome: notify.Sent, Reply: "250 2.0.0 sandbox: not sent", Remote: "sandbox"}
	switch o {
	case notify.Permanent:
		r.Outcome, r.Reply = o, "550 5.1.1 sandbox: no such recipient"
	case notify.Temporary:
		r.Outcome, r.Reply = o, "451 4.7.1 sandbox: later"
	}
	return r
}

// Waits of the sandbox, on the test clock.
const (
	decidesAfter  = time.Hour
	postedAfter   = 24 * time.Hour
	deliversAfter = 48 * time.Hour
)

// rehearsal is when the recipient of d, or the post, does something next; none
// when nothing comes by itself.
func (d Delivery) rehearsal() []Deadline {
	sc, ok := d.scene()
	switch {
	case !ok:
	case d.State == Notified && sc.act != nothing && sc.act != late:
		return []Deadline{{Rehearsal, d.NotifiedAt.Add(decidesAfter)}}
	case d.State == Posting && d.Post != nil:
		return []Deadline{{Rehearsal, d.Post.At.Add(postedAfter)}}
	case d.State == Posted && sc.end != PostAccepted:
		return []Deadline{{Rehearsal, d.Post.At.Add(postedAfter + deliversAfter)}}
	}
	return nil
}
