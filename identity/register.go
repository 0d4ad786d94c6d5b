package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Register is one of the operator's registers.
type Register string

const (
	Processors  Register = "processor"  // who works with data for us (R24)
	Hosting     Register = "hosting"    // where data is, and what is transferred with which safeguard (R30)
	Disclosures Register = "disclosure" // what was given to authorities, and why (R37)
	Incidents   Register = "incident"   // breaches, with the 24-hour clock (R20)
	Requests    Register = "request"    // of data subjects, with the month (R22, R32)
)

// Registers are all there are.
func Registers() []Register { return []Register{Processors, Hosting, Disclosures, Incidents, Requests} }

// Fields are what an entry says, in the order in which people fill it in. One that
// begins with ! has to be there.
func (r Register) Fields() []string {
	return map[Register][]string{
		Processors:  {"!name", "!country", "!task", "!data", "contract", "told_at", "from"},
		Hosting:     {"!what", "!where", "!who", "transfer", "safeguard", "from"},
		Disclosures: {"!authority", "!order", "!law", "!what", "!decided_by", "given_at"},
		Incidents:   {"!what", "!known_at", "severity", "people", "data", "reported_to", "reported_at", "told_people", "measures"},
		Requests:    {"!kind", "!name", "!address", "channel", "!asked", "asked_at", "identity", "more", "extended_because", "answer"},
	}[r]
}

// States are what an entry may be, first what a new one is.
func (r Register) States() []string {
	return map[Register][]string{
		Processors:  {"planned", "active", "ended"},
		Hosting:     {"active", "ended"},
		Disclosures: {"received", "refused", "disclosed"},
		Incidents:   {"open", "reported", "no_report", "closed"},
		Requests:    {"received", "identified", "more_asked", "extended", "answered", "refused"},
	}[r]
}

// Entry is one version of an entry.
type Entry struct {
	ID      string
	Version int
	At      time.Time
	By      string // person id of an operator, or "public"
	State   string
	Due     *time.Time // when something has to be done; nil: nothing
	Fields  map[string]string
	Name    string // of By, while there is one
}

// Bounds of what an entry says, in octets.
const (
	maxRegisterField = 4000
	maxRegistered    = 1000 // entries that are listed
)

// reportWithin is how soon the supervisory body knows of a breach.
//
// eIDAS art. 19(2), eIDAS art. 24(2)(fb)
const reportWithin = 24 * time.Hour

// check tidies an entry and finds what is wrong with it.
func (r Register) check(e *Entry) (bad FieldErrors) {
	if !slices.Contains(r.States(), e.State) {
		bad = append(bad, FieldError{"state", "malformed"})
	}
	fields := map[string]string{}
	for _, name := range r.Fields() {
		name, needed := strings.CutPrefix(name, "!")
		text := e.Fields[name]
		if len(text) > maxRegisterField {
			bad = append(bad, FieldError{name, "too_long"})
		}
		lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
		for i := range lines {
			lines[i] = clean(strings.TrimSpace(lines[i]), maxRegisterField)
		}
		if text = strings.TrimSpace(strings.Join(lines, "\n")); text != "" {
			fields[name] = text
		} else if needed {
			bad = append(bad, FieldError{name, "missing"})
		}
	}
	e.Fields = fields
	if r == Incidents {
		if _, err := registerTime(fields["known_at"]); err != nil && fields["known_at"] != "" {
			bad = append(bad, FieldError{"known_at", "malformed"})
		}
	}
	return bad
}

// registerTime reads a time as a form sends it, in UTC.
func registerTime(s string) (time.Time, error) { return time.Parse("2006-01-02T15:04", s) }

// due is when something has to be done about an entry: a breach is reported within
// a day of being known, a request answered within a month of being received, or
// three once that was said in time.
func (r Register) due(e Entry, received time.Time) *time.Time {
	var at time.Time
	switch {
	case r == Incidents && e.State == "open":
		known, err := registerTime(e.Fields["known_at"])
		if err != nil {
			return nil
		}
		at = known.Add(reportWithin)
	case r == Requests && e.State == "extended":
		at = monthsAfter(received, 3)
	case r == Requests && e.State != "answered" && e.State != "refused":
		at = monthsAfter(received, 1)
	default:
		return nil
	}
	return &at
}

// monthsAfter is the same day n months later, or the last of a shorter month.
//
// Regulation (EEC, Euratom) No 1182/71 art. 3(2)(c)
func monthsAfter(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// table is where a register is kept. The name is one of ours.
func (r Register) table() string { return "register_" + string(r) }

func (r Register) place(id string, version int) []byte {
	return fmt.Appendf(nil, "register:%s:%s:%d", r, id, version)
}

// WriteEntry writes a new version of an entry, or, without an id, a new entry. Only
// operators may; why stands in operator_act. version is the one that was read: if
// somebody wrote another meanwhile it is refused with ErrMoved.
//
// Errors: ErrForbidden, ErrNotFound, ErrMoved, FieldErrors.
func (s *Service) WriteEntry(ctx context.Context, by Actor, r Register, e Entry, version int, reason string) (id string, err error) {
	if !slices.Contains(Registers(), r) || e.ID != "" && !isID(e.ID) {
		return "", ErrNotFound
	}
	if err := r.check(&e).orNil(); err != nil {
		return "", err
	}
	act := "register_changed"
	if e.ID == "" {
		if e.ID, err = newID(); err != nil {
			return "", err
		}
		act = "register_added"
		version = 0
	}
	e.By, e.Version = by.Subject, version+1
	err = s.Operate(ctx, by, Operation{Act: act, Subject: string(r) + " " + e.ID, Reason: reason}, func(tx pgx.Tx, at time.Time) error {
		return s.insertEntry(ctx, tx, r, e, at)
	})
	return e.ID, err
}

// FileRequest registers the request of somebody who asks on our page: nobody has to
// have an account for it. Who it is has yet to be found out. Errors: FieldErrors,
// *Locked.
//
// GDPR art. 12(2), 15 to 22
func (s *Service) FileRequest(ctx context.Context, fields map[string]string, ip string) error {
	e := Entry{State: Requests.States()[0], Fields: fields, By: "public", Version: 1}
	if err := Requests.check(&e).orNil(); err != nil {
		return err
	}
	e.Fields["channel"] = "form"
	if err := s.try(ctx, s.now(), s.countedBy(limit{"privacy", 3, time.Hour}, network(ip)), s.countedBy(limit{"privacy_all", 100, time.Minute}, "all")); err != nil {
		return err
	}
	var err error
	if e.ID, err = newID(); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.insertEntry(ctx, tx, Requests, e, s.now()) })
}

func (s *Service) insertEntry(ctx context.Context, tx pgx.Tx, r Register, e Entry, at time.Time) error {
	received := at
	if e.Version > 1 {
		var last int
		err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0), coalesce(min(at), $2) FROM `+r.table()+` WHERE entry = $1`, e.ID, at).Scan(&last, &received)
		if err != nil {
			return fmt.Errorf("identity: register: %w", err)
		}
		if last == 0 {
			return ErrNotFound
		}
		if last != e.Version-1 {
			return ErrMoved
		}
	}
	if asked, err := time.Parse(time.DateOnly, e.Fields["asked_at"]); err == nil && asked.Before(received) {
		received = asked // a letter runs from the day on which it came
	}
	if r == Requests && e.State == "extended" && at.After(monthsAfter(received, 1)) {
		return FieldErrors{{"state", "too_late"}}
	}
	plain, err := json.Marshal(e.Fields)
	if err != nil {
		return fmt.Errorf("identity: register: %w", err)
	}
	sealed, err := s.box.Seal(plain, r.place(e.ID, e.Version))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+r.table()+` (entry, version, at, written_by, state, due_at, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, e.Version, at, e.By, e.State, r.due(e, received.UTC()), sealed)
	if violates(err, r.table()+"_pkey") {
		return ErrMoved
	}
	if err != nil {
		return fmt.Errorf("identity: register: %w", err)
	}
	return nil
}
