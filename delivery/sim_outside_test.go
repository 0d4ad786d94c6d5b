package delivery_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/notify"
)

var errOutside = errors.New("no answer")

// chance is what the outside does next: of one seed, in the order it is asked.
type chance struct {
	mu    sync.Mutex
	rand  *rand.Rand // guarded by mu
	calm  bool       // guarded by mu; nothing fails any more
	seeds uint64
}

func (c *chance) seed(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rand = rand.New(rand.NewPCG(c.seeds, n))
}

// of is a number below n; 0 when all is calm.
func (c *chance) of(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calm {
		return 0
	}
	return c.rand.IntN(n)
}

// outside are mail relays and SMS gateways: they take, refuse, do nothing, or do
// it and do not say so. They remember what they did.
type outside struct {
	chance
	pool *pgxpool.Pool // to see what is committed
	kill func()        // of the process that calls

	mu     sync.Mutex
	did    map[string]int // by notice: how often it went out
	took   map[string]int // by delivery: announcements and reminders that were said to be taken
	faults []string
}

func (o *outside) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	n, dice := m.Notice, o.of(20)
	var registered bool
	err := o.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM notify_attempt WHERE notice_id = $1 AND number = $2 AND ended_at IS NULL)`, n.ID, m.Attempt).Scan(&registered)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && !registered {
		o.faults = append(o.faults, fmt.Sprintf("attempt %d of notice %s goes out and is not registered", m.Attempt, n.ID))
	}
	r := notify.Result{Outcome: notify.Sent, Reply: "250 2.0.0 Ok", Remote: "127.0.0.1:25"}
	switch {
	case dice < 12: // taken
		o.did[n.ID]++
	case dice == 12: // taken, and the process dies
		o.did[n.ID]++
		o.kill()
	case dice < 15:
		r = notify.Result{Outcome: notify.Technical, InDoubt: true}
		o.did[n.ID] += dice % 2
	case dice < 17:
		r = notify.Result{Outcome: notify.Permanent, Reply: "550 5.1.1 No such user"}
	case dice < 19:
		r = notify.Result{Outcome: notify.Temporary, Reply: "451 4.7.1 Later"}
	default:
		r = notify.Result{Outcome: notify.Technical}
	}
	if r.Outcome == notify.Sent && (n.Kind == notify.Announcement || n.Kind == notify.Reminder) {
		o.took[n.Delivery]++
	}
	return r, strings.Repeat("a", 64)
}

// sent is how often transports said that they took notices of a delivery.
func (o *outside) sent(id string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.took[id]
}

// printer is a print and post partner. The same letter is the same item, however
// often it comes.
type printer struct {
	chance
	kill func()

	mu      sync.Mutex
	letters map[string]delivery.Letter // by delivery
	says    map[string][]string        // by delivery
	reports []delivery.PostReport
	undone  map[string]bool
	faults  []string
}

func itemOf(id string) string { return "item-" + id }

func (p *printer) HandOver(ctx context.Context, l delivery.Letter) (delivery.PostReceipt, error) {
	dice := p.of(10)
	if dice == 8 {
		return delivery.PostReceipt{}, fmt.Errorf("%w: no room for the address", delivery.ErrUnpostable)
	}
	if dice == 9 {
		return delivery.PostReceipt{}, errOutside
	}
	pdf := []byte("%PDF-1.7 " + l.Number + " " + l.To[0])
	for _, part := range l.Parts {
		r, err := part.Open(ctx)
		if err != nil {
			return delivery.PostReceipt{}, err
		}
		_, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return delivery.PostReceipt{}, err
		}
		l.Parts = slices.Clone(l.Parts)
	}
	for i := range l.Parts {
		l.Parts[i].Open = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if was, ok := p.letters[l.Delivery]; ok && fmt.Sprint(was) != fmt.Sprint(l) {
		p.faults = append(p.faults, fmt.Sprintf("two letters for delivery %s:\n%v\n%v", l.Delivery, was, l))
	}
	p.letters[l.Delivery] = l
	switch dice {
	case 6: // it has it, and does not say so
		return delivery.PostReceipt{}, errOutside
	case 7:
		p.kill()
	}
	sum := sha256.Sum256(pdf)
	return delivery.PostReceipt{Partner: "printer", Item: itemOf(l.Delivery), Pages: 2, SHA256: hex.EncodeToString(sum[:]), PDF: pdf}, nil
}

func (p *printer) Cancel(_ context.Context, item string) (bool, error) {
	dice := p.of(5)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch dice {
	case 4:
		return false, errOutside
	case 3: // too late
		return p.undone[item], nil
	case 2: // done, and not said so
		p.undone[item] = true
		return false, errOutside
	}
	p.undone[item] = true
	return true, nil
}

func (p *printer) Reports(context.Context) ([]delivery.PostReport, error) {
	if p.of(10) == 9 {
		return nil, errOutside
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.reports), nil
}

func (p *printer) Done(_ context.Context, r delivery.PostReport) error {
	if p.of(10) == 9 {
		return errOutside
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = slices.DeleteFunc(p.reports, func(x delivery.PostReport) bool { return x.ID == r.ID })
	return nil
}

func (p *printer) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.letters[id]
	return ok
}

// say reports on a letter that the partner has.
func (p *printer) say(id string, status delivery.PostStatus, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says[id] = append(p.says[id], string(status))
	p.reports = append(p.reports, delivery.PostReport{ID: fmt.Sprint(len(p.says[id]), id), Item: itemOf(id), Status: status, At: at})
}

func (p *printer) told(id, status string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.says[id], status)
}

// sealing seals by leaving everything as it is; the whole pipeline is tested with
// the program. Its time-stamp authority is down now and then.
type sealing struct{ chance }

func (s *sealing) Stamp(_ context.Context, imprint []byte) ([]byte, error) {
	if s.of(6) == 5 {
		return nil, errOutside
	}
	return fmt.Appendf(nil, "token of %x", imprint), nil
}

func (s *sealing) StampXML(ctx context.Context, signed []byte) ([]byte, error) {
	sum := sha256.Sum256(signed)
	token, err := s.Stamp(ctx, sum[:])
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(signed), "<"+string(token)+"/>"...), nil
}

func (s *sealing) CheckSigned(doc []byte) ([]byte, error) { return doc, nil }

func (s *sealing) CheckWith(doc []byte, _ evidence.Beside, t evidence.Trust) evidence.Report {
	return s.Check(doc, t)
}

func (s *sealing) SignXML(p *evidence.Prepared, _ time.Time) ([]byte, error) {
	if s.of(8) == 7 {
		return nil, errOutside
	}
	return p.XML(), nil
}

func (s *sealing) SealPDF(_ context.Context, _ evidence.Document, a evidence.Attached, _ time.Time) ([]byte, error) {
	return append([]byte("%PDF "), a.XML...), nil
}

func (s *sealing) Check(doc []byte, _ evidence.Trust) evidence.Report {
	return evidence.Report{Content: bytes.TrimPrefix(doc, []byte("%PDF ")), Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}},
		Stamps: []evidence.TokenInfo{{Time: evidencetest.At().Add(time.Second), Serial: "7"}}}
}

// tally is a log that counts and records that prove nothing.
type tally struct{}

func (tally) Grow(_ context.Context, _ ledger.Tiles, last []byte, entries []ledger.Hash) ([]ledger.Tile, []byte, error) {
	var size int
	fmt.Sscanf(string(last), "size %d\n", &size)
	return nil, fmt.Appendf(nil, "size %d\n", size+len(entries)), nil
}

func (tally) Prove(_ context.Context, _ ledger.Tiles, _, index int64, checkpoint []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d in %s", index, checkpoint), nil
}

func (tally) Consistent(_ context.Context, _ ledger.Tiles, old, _ int64) ([]ledger.Hash, error) {
	return make([]ledger.Hash, old), nil
}

func (tally) Check(context.Context, ledger.Tiles, int64, []byte) error { return nil }

type tallyRecords struct{}

type tallyTree []ledger.Hash

func (t tallyTree) Root() ledger.Hash { return sha256.Sum256(fmt.Append(nil, t)) }

func (tallyTree) Record(pos int, token []byte) ([]byte, error) {
	return fmt.Appendf(nil, "record %d %s", pos, token), nil
}

func (tallyRecords) Tree(leaves []ledger.Hash) (ledger.Tree, error) { return tallyTree(leaves), nil }

func (tallyRecords) Digest(record []byte) (ledger.Hash, error) { return sha256.Sum256(record), nil }

func (tallyRecords) Renew(record []byte, _ []ledger.Hash, pos int, token []byte) ([]byte, error) {
	return fmt.Appendf(record, " renewed %d %s", pos, token), nil
}

func (tallyRecords) Check([]byte, ledger.Hash) (at, renew time.Time, err error) {
	return evidencetest.At().Add(2 * time.Second), evidencetest.At().AddDate(5, 0, 0), nil
}
