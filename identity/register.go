package identity

import (
	"context"
	"encoding/json"
	"errors"
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
// begins with ! has to be there. Which others a state asks for, says owes.
func (r Register) Fields() []string {
	return map[Register][]string{
		Processors: {"!name", "!country", "!task_nl", "!task_fr", "!task_de", "!task_en", "!data_nl", "!data_fr", "!data_de", "!data_en",
			"contract", "!from", "until", "told_at", "objections"},
		Hosting:     {"!what", "!where", "!who", "transfer", "safeguard", "from"},
		Disclosures: {"!authority", "!order", "!law", "!what", "!decided_by", "given_at", "accounts", "secret"},
		Incidents: {"!what", "!known_at", "severity", "personal", "people", "data", "consequences", "measures", "accounts",
			"reported_to", "reported_at", "authority_at", "told_people", "final_at"},
		Requests: {"!kind", "!name", "!address", "language", "channel", "!asked", "asked_at", "means", "identity", "given", "family", "birth_date", "emails", "mobiles", "login",
			"more", "extended_because", "extended_told", "answer"},
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
	for _, name := range r.moments() {
		if _, err := registerTime(fields[name]); err != nil && fields[name] != "" {
			bad = append(bad, FieldError{name, "malformed"})
		}
	}
	return append(bad, r.owes(*e)...)
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
	before, received, err := s.lastEntry(ctx, tx, r, e.ID, at)
	switch {
	case err != nil:
		return err
	case e.Version > 1 && before.Version == 0:
		return ErrNotFound
	case before.Version != e.Version-1:
		return ErrMoved
	}
	if asked, err := time.Parse(time.DateOnly, e.Fields["asked_at"]); err == nil && asked.Before(received) {
		received = asked // a letter runs from the day on which it came
	}
	if bad := r.inTime(e, before, received, at); bad != nil {
		return bad
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
	if r == Requests && e.State == "extended" && before.State != "extended" {
		return s.tellExtended(ctx, tx, e)
	}
	return nil
}

// lastEntry is the newest version of an entry, with Version 0 when there is none,
// and when its first was written.
func (s *Service) lastEntry(ctx context.Context, tx pgx.Tx, r Register, id string, at time.Time) (e Entry, first time.Time, err error) {
	var sealed []byte
	err = tx.QueryRow(ctx, `SELECT entry, version, state, sealed, (SELECT min(f.at) FROM `+r.table()+` f WHERE f.entry = t.entry)
 FROM `+r.table()+` t WHERE t.entry = $1 ORDER BY t.version DESC LIMIT 1`, id).Scan(&e.ID, &e.Version, &e.State, &sealed, &first)
	if errors.Is(err, pgx.ErrNoRows) {
		return Entry{}, at, nil
	}
	if err != nil {
		return e, at, fmt.Errorf("identity: register: %w", err)
	}
	return e, first, s.unsealEntry(r, &e, sealed)
}

func (s *Service) unsealEntry(r Register, e *Entry, sealed []byte) error {
	plain, err := s.box.Open(sealed, r.place(e.ID, e.Version))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, &e.Fields)
}
