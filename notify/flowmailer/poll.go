package flowmailer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// Cursor remembers how far the events were read; notify.Cursor does.
type Cursor interface {
	Load(ctx context.Context) (position string, err error)
	Move(ctx context.Context, from, to string) (bool, error)
}

// ErrEvents: the provider gave no usable list of events.
var ErrEvents = errors.New("flowmailer: no events")

const (
	// eventPage is how many events are asked for at once, and mostPages how many
	// pages one Poll reads.
	eventPage, mostPages = 100, 100
	// overlap is how far before the last event a list begins that has lost its
	// place: events are not stored in the order in which they were received.
	overlap = time.Hour
)

// place is where reading stopped: the provider's reference, and the newest event
// up to there, for when the reference is no longer known.
type place struct {
	since     time.Time
	reference string
}

func (p place) String() string { return p.since.UTC().Format(time.RFC3339) + " " + p.reference }

func placeAt(position string, now time.Time) place {
	since, reference, _ := strings.Cut(position, " ")
	t, err := time.Parse(time.RFC3339, since)
	if err != nil {
		return place{since: now.UTC()}
	}
	return place{since: t, reference: reference}
}

// Poll reads the events since the last time and reports them to r, in order. An
// event that r cannot take stops it: nothing is passed over, and it comes again.
// The cursor moves after each page. Errors: ErrEvents, the cursor's, the
// reporter's.
func (t *Transport) Poll(ctx context.Context, c Cursor, r notify.Reporter) error {
	for range mostPages {
		position, err := c.Load(ctx)
		if err != nil {
			return err
		}
		at := placeAt(position, t.cfg.Now())
		events, next, err := t.events(ctx, at)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Received.After(next.since) && !e.Received.After(t.cfg.Now().Add(overlap)) {
				next.since = e.Received
			}
			if rep, ok := e.report(); ok {
				if err := r.Report(ctx, rep); err != nil {
					return fmt.Errorf("flowmailer: report event %s: %w", e.ID, err)
				}
			}
		}
		if to := next.String(); to != position {
			if moved, err := c.Move(ctx, position, to); err != nil || !moved { // another process is at it
				return err
			}
		}
		if len(events) < eventPage || next.reference == at.reference {
			return nil
		}
	}
	return nil
}

// nextRange is the header that says where the next page begins.
var nextRange = regexp.MustCompile(`^items=([^:\s]{1,500}):[0-9]+$`)

// events reads one page, oldest first, and says where the next one begins: where
// this one did when it is the last.
func (t *Transport) events(ctx context.Context, at place) ([]event, place, error) {
	span := at.since.Add(-overlap).UTC().Format(time.RFC3339) + "," + t.cfg.Now().Add(24*time.Hour).UTC().Format(time.RFC3339)
	address := t.base + "/message_events;receivedrange=" + url.PathEscape(span) + "?addmessagetags=true&sortorder=ASC"
	a := t.call(ctx, http.MethodGet, address, "items="+at.reference+":"+strconv.Itoa(eventPage), nil)
	switch {
	case a.status == http.StatusOK || a.status == http.StatusPartialContent:
	case a.status/100 == 4 && a.status != http.StatusTooManyRequests && a.status != http.StatusUnauthorized && a.status != http.StatusForbidden && at.reference != "":
		t.cfg.Logger.WarnContext(ctx, "place among events lost", "since", at.since, "reply", a.reply())
		return nil, place{since: at.since}, nil
	default:
		return nil, at, fmt.Errorf("%w: %s", ErrEvents, a.reply())
	}
	var list []event
	if err := json.Unmarshal(a.body, &list); err != nil {
		return nil, at, fmt.Errorf("%w: unusable answer", ErrEvents)
	}
	if found := nextRange.FindStringSubmatch(a.header.Get("next-range")); found != nil {
		at.reference = found[1]
	}
	return list, at, nil
}
