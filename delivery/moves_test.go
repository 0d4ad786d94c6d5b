package delivery_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

var update = flag.Bool("update", false, "write golden files")

// verb is one way to ask a delivery to move.
type verb struct {
	name string
	do   func(d delivery.Delivery, at time.Time) (delivery.Move, error)
}

func brussels(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// addressee is the recipient, identified at the highest level.
func addressee(at time.Time) identity.Actor {
	return identity.Actor{Kind: identity.ActorRecipient, Subject: "r-1", Record: "r-1", Given: "An", Family: "Janssens", Method: "itsme",
		Provider: "https://idp.example", Level: identity.LevelHigh, ProvenAt: at, IP: "192.0.2.9", UserAgent: "browser"}
}

func verbs(t testing.TB) []verb {
	zone := brussels(t)
	list := []verb{
		{"Visit", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.Visit(identity.Actor{IP: "192.0.2.9"}, at)
		}},
		{"Identify (matched)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.Identify(addressee(at), identity.MatchResult{OK: true, Basis: identity.BasisName}, at)
		}},
		{"Identify (somebody else)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.Identify(addressee(at), identity.MatchResult{}, at)
		}},
		{"Accept", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.Accept(addressee(at), at) }},
		{"Reject", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.Reject(addressee(at), at) }},
		{"Expire (window over)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			if at.Before(d.RespondBy) {
				at = d.RespondBy
			}
			return d.Expire(at)
		}},
		{"Expire (window open)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			if !at.Before(d.RespondBy) && !d.RespondBy.IsZero() {
				return delivery.Move{}, delivery.ErrNotOpen // too late for this verb
			}
			return d.Expire(at)
		}},
		{"Cancel", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.Cancel(identity.Actor{Kind: identity.ActorPerson, Subject: "p-1", Given: "Lotte", Family: "Peeters",
				Method: "password+totp", Level: identity.LevelSubstantial, ProvenAt: at}, identity.Mandate{}, at)
		}},
		{"Consign", delivery.Delivery.Consign},
		{"Access (part 1)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.Access(0, addressee(at), at) }},
		{"Access (part 2)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.Access(1, addressee(at), at) }},
		{"HandOver", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.HandOver(addressee(at), at) }},
		{"FailHandOver", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.FailHandOver(0, at) }},
		{"HandedToPost", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.HandedToPost(delivery.PostReceipt{Partner: "printer", Item: "i-1", Pages: 2, SHA256: strings.Repeat("b", 64)},
				delivery.LetterBegun{Reason: "expired", EndedAt: d.LastAt}, at)
		}},
		{"FailPost", func(d delivery.Delivery, at time.Time) (delivery.Move, error) { return d.FailPost("hand_over", at) }},
	}
	list = append(list, delegateVerbs()...)
	list = append(list, reportVerbs(zone)...)
	list = append(list, verb{"PostCancelled", delivery.Delivery.PostCancelled})
	for _, s := range delivery.PostStatuses {
		list = append(list, verb{"Reported (" + string(s) + ")", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.Reported(delivery.PostReport{ID: "1", Item: "i-1", Status: s, Cause: "unclaimed", At: at}, at)
		}})
	}
	for _, k := range []notify.Kind{notify.Announcement, notify.Reminder} {
		for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
			for _, o := range []notify.Outcome{notify.Sent, notify.Temporary, notify.Permanent, notify.Technical} {
				list = append(list, verb{fmt.Sprintf("Attempted (%s, %s, %s)", k, ch, o),
					func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
						a := notify.Attempt{Number: 1, Result: notify.Result{Outcome: o, Reply: "250 ok"}, Digest: strings.Repeat("a", 64)}
						if o == notify.Temporary || o == notify.Technical {
							a.RetryAt = at.Add(time.Hour)
						}
						return d.Attempted(notify.Notice{Kind: k, Channel: ch, To: d.Recipient.Email}, a, at, zone)
					}})
			}
		}
	}
	return list
}

// fresh is a delivery that was just submitted, with its first event.
func fresh(t testing.TB, change ...func(*delivery.Delivery)) (delivery.Delivery, evidence.Event) {
	t.Helper()
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	d := delivery.Delivery{ID: "0193aa00-0000-7000-8000-00000000000d", Position: 1, State: delivery.Submitted, Seq: 1, LastAt: at, MovedAt: at,
		Message: delivery.Message{ID: "0193aa00-0000-7000-8000-00000000000a", Number: "7K3M-9QXT-0001", Subject: "Opzegging", Language: "nl",
			SubmittedAt: at, Policy: delivery.DefaultPolicy(), Sender: evidencetest.Event(evidence.SubmissionAcceptance).Sender,
			SentBy: *evidencetest.Event(evidence.SubmissionAcceptance).SentBy, Parts: []evidence.Part{
				{Name: "message.txt", MediaType: "text/plain", Size: 3, SHA256: strings.Repeat("a", 64)},
				{Name: "a.pdf", MediaType: "application/pdf", Size: 3, SHA256: strings.Repeat("c", 64)}}},
		Recipient: delivery.Recipient{Given: "An", Family: "Janssens", Email: "an@example.be", Mobile: "+32470000001", Language: "nl",
			Address: &delivery.PostalAddress{Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE"}}}
	d.Message.SentBy.Proof.At = at.Add(-time.Minute)
	for _, c := range change {
		c(&d)
	}
	e := d.FirstEvent()
	body, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d.Hash = evidence.HashHex(body)
	return d, e
}

// step applies a move as the door does.
func step(t testing.TB, d delivery.Delivery, m delivery.Move) (delivery.Delivery, evidence.Event) {
	t.Helper()
	e := m.Event
	e.ID, e.Seq, e.Prev = evidence.NewID(), d.Seq+1, d.Hash
	body, err := e.Encode()
	if err != nil {
		t.Fatalf("%s in %s cannot be recorded: %v", e.Name, d.State, err)
	}
	after := m.After
	sum := evidence.Hash(body)
	after.Seq, after.Hash, after.LastAt = e.Seq, hex.EncodeToString(sum[:]), e.At
	return after, e
}

// situation is a delivery in one place of the table.
type situation struct {
	name string
	delivery.Delivery
}

// situations walks to every state the way a real delivery does.
func situations(t testing.TB) []situation {
	t.Helper()
	by := map[string]verb{}
	for _, v := range verbs(t) {
		by[v.name] = v
	}
	walk := func(names ...string) delivery.Delivery {
		d, _ := fresh(t)
		for _, n := range names {
			m, err := by[n].do(d, d.LastAt.Add(time.Minute))
			if err != nil {
				t.Fatalf("%s in %s: %v", n, d.State, err)
			}
			d, _ = step(t, d, m)
		}
		return d
	}
	told := []string{"Attempted (announcement, email, sent)"}
	known := append(slices.Clone(told), "Identify (matched)")
	open := append(slices.Clone(known), "Accept", "Consign")
	whole := append(slices.Clone(open), "Access (part 1)", "Access (part 2)")
	post := append(slices.Clone(told), "Expire (window over)", "HandedToPost")
	late := append(slices.Clone(post), "Identify (matched)", "Accept")
	unreached := func(d delivery.Delivery) delivery.Delivery {
		d.Email, d.SMS = delivery.ReachFailed, delivery.ReachFailed
		return d
	}
	asked := func(d delivery.Delivery) delivery.Delivery {
		d.Choices.PaperAt = &d.LastAt
		return d
	}
	return []situation{
		{"submitted", walk()},
		{"notified, then nobody reached", unreached(walk(told...))},
		{"notified, paper asked", asked(walk(told...))},
		{"expired, identified", walk(append(slices.Clone(told), "Identify (matched)", "Expire (window over)")...)},
		{"posting, identified", walk(append(slices.Clone(post), "Identify (matched)")...)},
		{"posted, identified", walk(append(slices.Clone(post), "Reported (posted)", "Identify (matched)")...)},
		{"accepted, letter under way", walk(late...)},
		{"handed_over, letter posted", walk(append(slices.Clone(late), "Reported (posted)", "Consign", "Access (part 1)", "Access (part 2)", "HandOver")...)},
		{"accepted, letter cancelled", walk(append(slices.Clone(late), "PostCancelled")...)},
		{"submitted, nobody reached", walk("Attempted (announcement, email, permanent)", "Attempted (announcement, sms, permanent)")},
		{"notified", walk(told...)},
		{"notified, identified", walk(known...)},
		{"accepted", walk(append(slices.Clone(known), "Accept")...)},
		{"accepted by a delegate", walk(append(slices.Clone(known), "NameDelegate", "Accept (delegate)")...)},
		{"consigned", walk(open...)},
		{"consigned, all taken", walk(whole...)},
		{"handed_over", walk(append(slices.Clone(whole), "HandOver")...)},
		{"rejected", walk(append(slices.Clone(known), "Reject")...)},
		{"expired", walk(append(slices.Clone(told), "Expire (window over)")...)},
		{"posting", walk(post...)},
		{"posted", walk(append(slices.Clone(post), "Reported (posted)")...)},
		{"delivered_by_post", walk(append(slices.Clone(post), "Reported (delivered)")...)},
		{"returned", walk(append(slices.Clone(post), "Reported (returned)")...)},
		{"cancelled", walk("Cancel")},
	}
}

// refusals are the errors a rule may answer with.
var refusals = map[error]string{delivery.ErrDecided: "ErrDecided", delivery.ErrWindowClosed: "ErrWindowClosed",
	delivery.ErrNotOpen: "ErrNotOpen", delivery.ErrUnidentified: "ErrUnidentified", delivery.ErrWithdrawn: "ErrWithdrawn"}

func refusal(t testing.TB, err error) string {
	for e, name := range refusals {
		if errors.Is(err, e) {
			return name
		}
	}
	t.Errorf("%v is not a refusal", err)
	return ""
}

// TestMoves is the state machine: every situation by every verb. What it finds
// is docs/states.md.
func TestMoves(t *testing.T) {
	t.Parallel()
	all, list := situations(t), verbs(t)
	issuer := evidencetest.Issuer()
	seen := map[delivery.State]bool{}
	for _, s := range all {
		seen[s.State] = true
		for _, v := range list {
			m, err := v.do(s.Delivery, s.LastAt.Add(time.Minute))
			to, moves := leads[[2]string{v.name, s.name}]
			switch {
			case err != nil && moves:
				t.Errorf("%s in %s: %v, want %s", v.name, s.name, err, to)
			case err != nil:
				refusal(t, err)
			case moves && m.After.State != to, !moves && m.After.State != s.State:
				t.Errorf("%s in %s leads to %s, want %s", v.name, s.name, m.After.State, to)
			default:
				after, e := step(t, s.Delivery, m)
				if after.ID != s.ID || after.Message.ID != s.Message.ID || m.Event.Delivery != string(s.ID) {
					t.Errorf("%s in %s is about another delivery", v.name, s.name)
				}
				for _, f := range e.Lint(issuer) {
					t.Errorf("%s in %s: evidence would not do: %s %s", v.name, s.name, f.Clause, f.What)
				}
			}
		}
	}
	for _, s := range delivery.States {
		if !seen[s] {
			t.Errorf("state %s is not in the table", s)
		}
	}
	golden(t, "../docs/states.md", states(t, all, list))
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says; go test ./delivery -run TestMoves -update", path)
	}
}

// TestWalks lets deliveries move at random and holds every one of them against
// its own events.
func TestWalks(t *testing.T) {
	t.Parallel()
	list, issuer := verbs(t), evidencetest.Issuer()
	reached := map[delivery.State]int{}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		d, first := fresh(t, func(d *delivery.Delivery) {
			p := &d.Message.Policy
			p.PostAtOnce, p.Reminders, p.CollectDays = rnd.IntN(2) == 0, rnd.IntN(2) == 0, 1+rnd.IntN(60)
			if rnd.IntN(3) == 0 {
				p.Fallback = delivery.FallbackNone
			}
			if rnd.IntN(4) == 0 {
				d.Recipient.Address = nil
			}
		})
		events, at := []evidence.Event{first}, d.LastAt
		for range 90 {
			if rnd.IntN(3) == 0 {
				at = at.Add(time.Duration(rnd.Int64N(int64(72 * time.Hour)))).Truncate(time.Microsecond)
			}
			v := list[rnd.IntN(len(list))]
			if v.name == "Cancel" && rnd.IntN(8) > 0 {
				continue // most senders do not change their mind
			}
			if strings.HasSuffix(v.name, "(delegate)") && rnd.IntN(4) > 0 {
				continue // and most recipients act for themselves
			}
			if strings.HasPrefix(v.name, "Reached") && rnd.IntN(6) > 0 {
				continue // and most mail systems say nothing
			}
			m, err := v.do(d, at)
			if err != nil {
				refusal(t, err)
				continue
			}
			at = m.Event.At
			was := d.State
			var e evidence.Event
			d, e = step(t, d, m)
			events = append(events, e)
			if got, err := delivery.Fold(events); err != nil || got != d.State {
				t.Fatalf("seed %d: %s in %s: events say %s (%v), the move %s", seed, v.name, was, got, err, d.State)
			}
			if f := e.Lint(issuer); len(f) > 0 {
				t.Fatalf("seed %d: %s in %s: %v", seed, v.name, was, f)
			}
			if d.State == delivery.Notified && d.RespondBy.IsZero() || d.State == delivery.Posting && d.Post == nil ||
				slices.Contains([]delivery.State{delivery.Accepted, delivery.Consigned, delivery.HandedOver}, d.State) && d.Identified == nil && (d.ReceivedBy == nil || d.ReceivedBy.Proof == nil) {
				t.Fatalf("seed %d: %s in %s: the schema would refuse %+v", seed, v.name, was, d)
			}
		}
		if err := evidence.VerifyChain(events); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		reached[d.State]++
	}
	for _, s := range delivery.States {
		if s != delivery.Submitted && s != delivery.Notified && s != delivery.Accepted && reached[s] == 0 {
			t.Errorf("no walk ended in %s: %v", s, reached)
		}
	}
}
