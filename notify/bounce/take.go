package bounce

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// take reports what a mail says. nil: it is stored, or there is nothing to store.
func (s *Server) take(ctx context.Context, to target, raw []byte) error {
	b := read(raw)
	if to.notice == "" {
		var ok bool
		if to, ok = s.complainedAbout(b); !ok {
			s.Logger.InfoContext(ctx, "bounce: complaint about nothing we know", "kind", string(b.kind))
			return nil
		}
	}
	sum := sha256.Sum256(raw)
	for _, r := range b.reports(to) {
		r.Notice, r.Attempt, r.Digest, r.Raw = to.notice, to.attempt, hex.EncodeToString(sum[:]), raw
		err := s.tell(ctx, r)
		log := s.Logger.With("notice", r.Notice, "attempt", r.Attempt, "source", r.Source, "fact", string(r.Fact), "cause", string(r.Cause), "status", r.Status)
		switch {
		case err == nil && r.Cause == notify.CauseOurs:
			log.ErrorContext(ctx, "bounce: our mail is refused for what it is or where it comes from", "reply", r.Reply)
			return nil
		case err == nil:
			log.InfoContext(ctx, "bounce: reported")
			return nil
		case errors.Is(err, notify.ErrOtherRecipient):
			log.WarnContext(ctx, "bounce: report about somebody else", "digest", r.Digest)
		case errors.Is(err, notify.ErrUnknownNotice), errors.Is(err, notify.ErrInvalid):
			log.WarnContext(ctx, "bounce: report leads nowhere", "digest", r.Digest, "err", err)
			return nil
		default:
			log.ErrorContext(ctx, "bounce: report not stored", "err", err)
			return errNotNow
		}
	}
	return nil
}

// tell waits a little for an attempt that has not ended: a report may overtake
// the reply to it.
func (s *Server) tell(ctx context.Context, r notify.Report) error {
	patience := time.NewTimer(s.Patience)
	defer patience.Stop()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := s.report(ctx, r)
		if !errors.Is(err, notify.ErrEarly) {
			return err
		}
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-patience.C:
			again.Stop()
			return err
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}

func (s *Server) report(ctx context.Context, r notify.Report) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return s.Reporter.Report(ctx, r)
}

// complainedAbout finds our return path in a complaint that came to the address
// for complaints (RFC 5965 §3.2).
func (s *Server) complainedAbout(b back) (target, bool) {
	if b.kind != complaint {
		return target{}, false
	}
	named := []string{b.report.get("original-mail-from")}
	for _, p := range b.parts {
		switch t, _ := p.mediaType(); t {
		case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
			named = append(named, parseEntity(p.content()).header.get("return-path"))
		}
	}
	for _, a := range named {
		if notice, attempt, err := notify.ParseReturnPath(s.Domain, s.Key, strings.Trim(strings.TrimSpace(a), "<>")); err == nil {
			return target{notice, attempt}, true
		}
	}
	return target{}, false
}

// kindest orders what one report says of several recipients: a list may have
// failed for one of its members and reached ours.
var kindest = []notify.Fact{notify.Delivered, notify.Relayed, notify.Delayed, notify.Failed}

// reports is what a mail says, for the first to be taken that is about the
// addressee. Every mail says something: what is no report is an answer.
func (b back) reports(to target) (list []notify.Report) {
	id := b.id(to)
	if b.kind == delivery {
		for i, g := range b.groups {
			if r, ok := facts(b.report, g); ok {
				r.ID = id + "-" + strconv.Itoa(i)
				if r.OccurredAt.IsZero() {
					r.OccurredAt = dateOf(b.header.get("date"))
				}
				list = append(list, r)
			}
		}
		slices.SortStableFunc(list, func(x, y notify.Report) int {
			return cmp.Compare(slices.Index(kindest, x.Fact), slices.Index(kindest, y.Fact))
		})
		if len(list) > 0 {
			return list
		}
	}
	r := notify.Report{Source: "reply", ID: id, Fact: notify.Answered, Rung: notify.RungAccepted, Status: string(b.kind),
		OccurredAt: dateOf(b.header.get("date"))}
	if b.kind == complaint && word(b.report.get("feedback-type")) != "not-spam" {
		r.Source, r.Fact, r.Status = "arf", notify.Complained, word(b.report.get("feedback-type"))
		r.Remote = word(b.report.get("user-agent"))
	}
	return []notify.Report{r}
}

// id is the same whenever the same mail is brought again, whatever was written
// above it on the way.
func (b back) id(to target) string {
	h := sha256.New()
	h.Write([]byte(to.notice + "." + strconv.Itoa(to.attempt) + "\x00" + b.header.get("message-id") + "\x00"))
	h.Write(b.body)
	return hex.EncodeToString(h.Sum(nil))
}
