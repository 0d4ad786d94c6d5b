package identity_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity"
)

// operating makes the first administrator an operator.
func (b *bundle) operating() identity.Actor {
	b.Helper()
	record, err := b.save(proof("An", "Peeters"), identity.Occasion{})
	b.want(err, nil, "save")
	b.want(b.BindIdentification(b.Context(), identity.System, b.admin, record), nil, "bind")
	b.want(b.AddOperator(b.Context(), identity.System, b.admin, "test"), nil, "operator")
	return b.actor(b.admin)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04") }

// incident is an entry that says what it must.
func incident(known time.Time, more ...string) identity.Entry {
	e := identity.Entry{State: "open", Fields: map[string]string{"what": "Sleutel gelekt", "known_at": moment(known)}}
	for i := 0; i+1 < len(more); i += 2 {
		e.Fields[more[i]] = more[i+1]
	}
	return e
}

// R20: 24 hours for the supervisory body, 72 for the data protection authority
// unless no personal data is concerned, a month for the final report.
func TestIncidentClocks(t *testing.T) {
	t.Parallel()
	known := time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		e    identity.Entry
		want map[string]time.Duration // by clock, after known; negative: done
	}{
		"new":              {incident(known), map[string]time.Duration{"supervisor": 24 * time.Hour, "authority": 72 * time.Hour}},
		"nothing personal": {incident(known, "personal", "no"), map[string]time.Duration{"supervisor": 24 * time.Hour}},
		"personal":         {incident(known, "personal", "yes"), map[string]time.Duration{"supervisor": 24 * time.Hour, "authority": 72 * time.Hour}},
		"reported": {incident(known, "personal", "no", "reported_at", moment(known.Add(time.Hour))),
			map[string]time.Duration{"supervisor": -24 * time.Hour, "final": 28 * 24 * time.Hour}}, // 28 February, one hour later
	} {
		got := map[string]time.Duration{}
		for _, k := range c.e.Clocks() {
			got[k.Name] = k.Due.Sub(known).Truncate(24 * time.Hour)
			if k.Done != nil {
				got[k.Name] *= -1
			}
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	e := incident(known)
	e.State = "no_report"
	if len(e.Clocks()) != 0 || len(incident(time.Time{}, "known_at", "soon").Clocks()) != 0 {
		t.Error("a clock runs where nothing is reported, or nothing is known")
	}
	late := incident(known, "reported_at", moment(known.Add(25*time.Hour))).Clocks()[0]
	if !late.Late(known) || incident(known).Clocks()[0].Late(known.Add(24*time.Hour)) || !incident(known).Clocks()[0].Late(known.Add(24*time.Hour+time.Second)) {
		t.Error("late is not what comes after 24 hours")
	}
}

// R20: nothing is closed while a clock runs, and what runs out is counted, hours
// before and after.
func TestIncidentDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	by := b.operating()
	e := incident(b.now())
	id, err := b.WriteEntry(t.Context(), by, identity.Incidents, e, 0, "melding")
	b.want(err, nil, "write")
	due := func(open, soon, late int) {
		t.Helper()
		all, err := b.DueEntries(t.Context(), identity.System)
		b.want(err, nil, "due")
		if all[identity.Incidents] != (identity.Due{Open: open, Soon: soon, Late: late}) {
			t.Errorf("%+v, want %d open, %d soon, %d late", all[identity.Incidents], open, soon, late)
		}
	}
	due(1, 0, 0)
	b.forward(19 * time.Hour)
	due(1, 1, 0)
	b.forward(6 * time.Hour)
	due(1, 0, 1)
	e.ID = id
	for state, field := range map[string]string{"closed": "state", "reported": "reported_at"} {
		e.State = state
		_, err := b.WriteEntry(t.Context(), by, identity.Incidents, e, 1, "x")
		if bad, _ := errors.AsType[identity.FieldErrors](err); len(bad) != 1 || bad[0].Field != field {
			t.Errorf("%s: %v", state, err)
		}
	}
	e.State, e.Fields["reported_at"], e.Fields["personal"] = "reported", moment(b.now()), "no"
	_, err = b.WriteEntry(t.Context(), by, identity.Incidents, e, 1, "gemeld")
	b.want(err, nil, "reported")
	due(1, 0, 0) // the final report
	e.State, e.Fields["final_at"] = "closed", moment(b.now())
	_, err = b.WriteEntry(t.Context(), by, identity.Incidents, e, 2, "klaar")
	b.want(err, nil, "closed")
	due(0, 0, 0)
	if _, err := b.DueEntries(t.Context(), b.actor(b.add("els", identity.Sender))); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("somebody else counts: %v", err)
	}
}

// R22: nobody is answered before it is written down who asks; who waits longer is
// told, in the own language, or by letter.
func TestRequestOwes(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	by := b.operating()
	request := func(more ...string) identity.Entry {
		e := identity.Entry{State: "received", Fields: map[string]string{"kind": "inspect", "name": "Jan Maes", "address": "jan@example.be", "asked": "alles", "language": "fr"}}
		for i := 0; i+1 < len(more); i += 2 {
			e.Fields[more[i]] = more[i+1]
		}
		return e
	}
	at := func(state string, e identity.Entry) identity.Entry { e.State = state; return e }
	for name, e := range map[string]identity.Entry{
		"identified without saying how": at("identified", request("means", "eid")), "identified with nothing": at("identified", request("identity", "seen")),
		"answered, nobody knows whom": at("answered", request("answer", "sent")), "answered without answer": at("answered", request("means", "eid", "identity", "x")),
		"refused without reason": at("refused", request()), "more asked, nothing": at("more_asked", request()), "extended without reason": at("extended", request()),
		"extended, nobody told": at("extended", request("extended_because", "veel", "address", "Kaai 1, 1000 Brussel")),
		"told on no day":        at("extended", request("extended_because", "veel", "address", "Kaai 1", "extended_told", "soon")),
	} {
		if _, err := b.WriteEntry(t.Context(), by, identity.Requests, e, 0, "x"); !isFieldError(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	letter, err := b.WriteEntry(t.Context(), by, identity.Requests, at("extended", request("extended_because", "veel", "address", "Kaai 1", "extended_told", "2026-11-20")), 0, "x")
	b.want(err, nil, "extended by letter")
	id, err := b.WriteEntry(t.Context(), by, identity.Requests, at("extended", request("extended_because", "Beaucoup de pièces.")), 0, "x")
	b.want(err, nil, "extended by mail")
	n := b.last(identity.NoteRequestExtended)
	if n.Ref != id || n.To != "jan@example.be" || n.Language != "fr" || b.count(`SELECT count(*) FROM told WHERE ref = $1`, letter) != 0 {
		t.Errorf("told %+v", n)
	}
	f, err := b.NoteFacts(t.Context(), n)
	if err != nil || f.Reason != "Beaucoup de pièces." || f.Until.Sub(b.now()) < 85*24*time.Hour {
		t.Errorf("facts %+v %v", f, err)
	}
	again := at("extended", request("extended_because", "Encore."))
	again.ID = id
	_, err = b.WriteEntry(t.Context(), by, identity.Requests, again, 1, "x")
	b.want(err, nil, "corrected")
	if got := b.count(`SELECT count(*) FROM told WHERE ref = $1`, id); got != 1 {
		t.Errorf("told %d times", got)
	}
}

func isFieldError(err error) bool {
	_, ok := errors.AsType[identity.FieldErrors](err)
	return ok
}

// planned is a sub-processor that begins on a day.
func planned(name string, from time.Time) identity.Entry {
	e := identity.Entry{State: "planned", Fields: map[string]string{"name": name, "country": "BE", "from": from.UTC().Format(time.DateOnly)}}
	for _, l := range []string{"nl", "fr", "de", "en"} {
		e.Fields["task_"+l], e.Fields["data_"+l] = "sends mail "+l, "addresses "+l
	}
	return e
}

// R24: nobody works for us before senders had their time; every account is told
// once, in the transaction that says so, and can be shown that it was.
func TestProcessorsTold(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	by := b.operating()
	day := 24 * time.Hour
	for name, e := range map[string]identity.Entry{
		"tomorrow": planned("X", b.now().Add(day)), "in 29 days": planned("X", b.now().Add(29*day)), "yesterday": planned("X", b.now().Add(-day)), "never": planned("X", time.Time{}),
	} {
		if name == "never" {
			e.Fields["from"] = "soon"
		}
		if _, err := b.WriteEntry(t.Context(), by, identity.Processors, e, 0, "x"); !isFieldError(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	early := planned("Oud", b.now().Add(-100*day))
	early.Fields["told_at"] = b.now().Add(-140 * day).UTC().Format(time.DateOnly)
	_, err := b.WriteEntry(t.Context(), by, identity.Processors, early, 0, "x")
	b.want(err, nil, "one that senders were told of otherwise")
	tell := func(limit, want int) {
		t.Helper()
		if n, err := b.TellOfProcessors(t.Context(), limit); n != want || err != nil {
			t.Errorf("told %d accounts, want %d: %v", n, want, err)
		}
	}
	tell(10, 0)
	e := planned("Nieuw", b.now().Add(30*day))
	e.ID, err = b.WriteEntry(t.Context(), by, identity.Processors, e, 0, "x")
	b.want(err, nil, "in time")
	second, _, err := b.CreateAccount(t.Context(), company(), person("jo", "Jo", "Maes"), identity.Consent{Text: "terms", Version: "3", Language: "fr"})
	b.want(err, nil, "second account")
	tell(1, 1)
	tell(10, 1)
	tell(10, 0)
	n := b.last(identity.NoteProcessor)
	f, err := b.NoteFacts(t.Context(), n)
	if err != nil || f.Who != "Nieuw (BE)" || !strings.Contains(f.Reason, "sends mail "+n.Language) || f.Path != "/sub-processors" || !f.Until.Equal(b.now().Add(30*day).Truncate(day)) {
		t.Errorf("%+v %v", f, err)
	}
	mine, err := b.ProcessorsTold(t.Context(), b.actor(b.admin))
	if err != nil || len(mine) != 1 || mine[0].Entry != e.ID || !mine[0].ToldAt.Equal(b.now()) {
		t.Errorf("%+v %v", mine, err)
	}
	if _, err := b.ProcessorsTold(t.Context(), b.actor(b.add("els", identity.Reader))); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("a reader sees it: %v", err)
	}
	e.Fields["from"] = b.now().Add(10 * day).UTC().Format(time.DateOnly)
	if _, err := b.WriteEntry(t.Context(), by, identity.Processors, e, 1, "x"); !isFieldError(err) {
		t.Errorf("begins sooner than senders were told: %v", err)
	}
	e.Fields["from"] = b.now().Add(40 * day).UTC().Format(time.DateOnly)
	_, err = b.WriteEntry(t.Context(), by, identity.Processors, e, 1, "x")
	b.want(err, nil, "later")
	tell(10, 2)
	b.want(b.CloseAccount(t.Context(), identity.Actor{Kind: identity.ActorPerson, Account: second, Subject: b.personOf("jo")}, second), nil, "close")
	b.forward(41 * day)
	tell(10, 0)
	if _, err := b.NoteFacts(t.Context(), n); !errors.Is(err, identity.ErrStale) {
		t.Errorf("told of what began: %v", err)
	}
}

func (b *bundle) personOf(login string) (id string) {
	b.Helper()
	if err := b.pool.QueryRow(b.Context(), `SELECT id FROM person WHERE login = $1`, login).Scan(&id); err != nil {
		b.Fatal(err)
	}
	return id
}

// The file is a seed: it fills an empty register once, and nobody is told of it.
func TestSeedProcessors(t *testing.T) {
	t.Parallel()
	b := setupTold(t)
	text := map[string]string{"nl": "x", "fr": "x", "de": "x", "en": "x"}
	seed := []identity.Processor{{Name: "A", Country: "BE", Task: text, Data: text, From: b.now().AddDate(-1, 0, 0)}}
	for i, want := range []int{1, 0} {
		if n, err := b.SeedProcessors(t.Context(), seed); n != want || err != nil {
			t.Errorf("round %d: %d %v", i, n, err)
		}
	}
	if n, err := b.TellOfProcessors(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("told of the past: %d %v", n, err)
	}
	all, err := b.Processors(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "A" || all[0].Task["de"] != "x" {
		t.Errorf("%+v %v", all, err)
	}
}

// R23, R37: a sender's administrator sees what concerns the account, never what
// concerns others, what the law keeps secret, or who wrote it.
func TestEntriesFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	by := b.operating()
	write := func(r identity.Register, e identity.Entry) {
		t.Helper()
		_, err := b.WriteEntry(t.Context(), by, r, e, 0, "x")
		b.want(err, nil, "write")
	}
	disclosed := func(what string, more ...string) identity.Entry {
		e := identity.Entry{State: "disclosed", Fields: map[string]string{"authority": "Parket", "order": "KN 12", "law": "Sv. 88bis", "what": what, "decided_by": "An Peeters"}}
		for i := 0; i+1 < len(more); i += 2 {
			e.Fields[more[i]] = more[i+1]
		}
		return e
	}
	write(identity.Disclosures, disclosed("mine", "accounts", "x, "+b.account))
	write(identity.Disclosures, disclosed("secret", "accounts", b.account, "secret", "yes"))
	write(identity.Disclosures, disclosed("others", "accounts", b.admin))
	write(identity.Disclosures, disclosed("nobody's"))
	write(identity.Incidents, incident(b.now(), "accounts", "*"))
	list, err := b.EntriesFor(t.Context(), by, identity.Disclosures)
	if err != nil || len(list) != 1 || list[0].Fields["what"] != "mine" || list[0].Fields["decided_by"] != "" || list[0].Fields["accounts"] != "" || list[0].By != "" {
		t.Errorf("%+v %v", list, err)
	}
	if list, err = b.EntriesFor(t.Context(), by, identity.Incidents); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	for _, r := range []identity.Register{identity.Requests, identity.Processors, "nothing"} {
		if _, err := b.EntriesFor(t.Context(), by, r); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%s: %v", r, err)
		}
	}
	if _, err := b.EntriesFor(t.Context(), b.actor(b.add("els", identity.Sender)), identity.Incidents); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("a sender of the account: %v", err)
	}
}

// R29: each class goes on its day and no sooner, by the rule that holds then.
func TestRetentionRules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	by := b.operating()
	for name, f := range map[string]func() error{
		"too short": func() error { return b.SetRule(t.Context(), by, identity.ClassAccessLog, 11, "x") },
		"too long":  func() error { return b.SetRule(t.Context(), by, identity.ClassAccessLog, 121, "x") },
		"proof early": func() error {
			return b.SetRule(t.Context(), by, identity.ClassIdentification, identity.ProofKept-1, "x")
		},
		"no reason": func() error { return b.SetRule(t.Context(), by, identity.ClassAccessLog, 30, " ") },
	} {
		if err := f(); !isFieldError(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.SetRule(t.Context(), by, "evidence", 30, "x"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a class that is none: %v", err)
	}
	if err := b.SetRule(t.Context(), b.actor(b.add("els", identity.Administrator)), identity.ClassAccessLog, 30, "x"); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("no operator: %v", err)
	}
	rows := func(want int, when string) {
		t.Helper()
		b.want(b.Sweep(t.Context()), nil, "sweep")
		if n := b.count(`SELECT count(*) FROM access_log WHERE action = 'data_exported'`); n != want {
			t.Errorf("%s: %d accesses, want %d", when, n, want)
		}
	}
	b.want(b.LogAccess(t.Context(), nil, by, "data_exported", "nl"), nil, "log")
	began := b.now()
	b.forward(began.AddDate(0, identity.AccessKept, 0).Sub(began) - time.Second)
	rows(1, "a second early")
	b.want(b.SetRule(t.Context(), by, identity.ClassAccessLog, 36, "langer"), nil, "set")
	b.forward(48 * time.Hour)
	rows(1, "kept longer now")
	b.want(b.SetRule(t.Context(), by, identity.ClassAccessLog, 0, "terug"), nil, "back")
	rows(0, "the default again")
	if n := b.count(`SELECT count(*) FROM operator_act WHERE act = 'retention_set' AND reason <> ''`); n != 2 {
		t.Errorf("%d acts", n)
	}
	for constraint, sql := range map[string]string{
		"retention_rule_class":  `INSERT INTO retention_rule VALUES ('evidence', 24, 'x', now())`,
		"retention_rule_months": `INSERT INTO retention_rule VALUES ('contents', 0, 'x', now())`,
		"processor_told_before": `INSERT INTO processor_told VALUES (gen_random_uuid(), '2026-01-01', '` + b.account + `', '2026-01-01 00:00Z')`,
		"erasure_not_early":     `INSERT INTO erasure VALUES (gen_random_uuid(), '2026-01-01', 1, '', NULL, '2026-01-02', 1)`,
	} {
		if _, err := b.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), constraint) {
			t.Errorf("%s: %v", constraint, err)
		}
	}
}

// R29: identifications of people who left and refused applications go on their day
// and no sooner; an identification stays while a legal hold needs it (R27).
func TestClassesInTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	left := b.add("els", identity.Reader)
	if _, err := b.save(proof("Els", "Peeters"), identity.Occasion{Person: left}); err != nil {
		t.Fatal(err)
	}
	day, run := b.now(), func(sql string, args ...any) {
		t.Helper()
		if _, err := b.pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(`INSERT INTO departure (person_id, left_at) VALUES ($1, $2)`, left, day)
	run(`INSERT INTO application (id, person_id, record, given, family, level, language, capacity, name, country, enterprise_number, email, terms, state, blank, reason, decided_by, decided_at, filed_at)
 VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'Els', 'Peeters', 'high', 'nl', 'x', 'Firma', 'BE', '0403170701', 'x@example.be', '1', 'refused', '', 'x', $2, $3, $3)`, left, b.admin, day)
	run(`INSERT INTO message (id, account_id, number, test, subject, language, sender, sent_by, parts, policy, deliveries, submitted_at, retain_until, held)
 VALUES (gen_random_uuid(), $1, 'AAAA-AAAA-AAAA', false, 'x', 'nl', '{}', jsonb_build_object('identifier', jsonb_build_object('value', $2::text)), '[]', '{}', 1, $3, $3, true)`, b.account, left, day)
	at := func(when time.Time, what, table string, want int) {
		t.Helper()
		b.forward(when.Sub(b.now()))
		b.want(b.Sweep(t.Context()), nil, "sweep")
		if n := b.count(`SELECT count(*) FROM ` + table); n != want {
			t.Errorf("%s: %d of %s, want %d", what, n, table, want)
		}
	}
	refused, proven := "application", "identification WHERE person_id = '"+left+"'"
	at(day.AddDate(0, identity.AccessKept, 0), "on the day", refused, 1)
	at(day.AddDate(0, identity.AccessKept, 0).Add(time.Second), "after it", refused, 0)
	at(day.AddDate(0, identity.ProofKept, 0), "on the day", proven, 1)
	at(day.AddDate(0, identity.ProofKept, 0).Add(time.Second), "under a hold", proven, 1)
	run(`UPDATE message SET held = false`)
	at(b.now(), "lifted", proven, 0)
}

// R6, R36: who looked at what, once for a while, for the account's administrators.
func TestLooks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	els := b.actor(b.add("els", identity.Reader))
	for range 3 {
		b.want(b.LogLook(t.Context(), els, "message_seen", b.account, "nl"), nil, "look")
	}
	b.want(b.LogLook(t.Context(), els, "message_seen", b.admin, "nl"), nil, "another")
	b.want(b.LogLook(t.Context(), b.actor(b.admin), "message_seen", b.account, "nl"), nil, "somebody else")
	list, err := b.AccessLog(t.Context(), b.actor(b.admin), identity.AccessFilter{Action: "message_seen"}, 10)
	if err != nil || len(list) != 3 || list[2].About != b.account || list[2].Person != els.Subject {
		t.Errorf("%+v %v", list, err)
	}
	b.forward(16 * time.Minute)
	b.want(b.LogLook(t.Context(), els, "message_seen", b.account, "nl"), nil, "later")
	if n := b.count(`SELECT count(*) FROM access_log WHERE action = 'message_seen'`); n != 4 {
		t.Errorf("%d looks", n)
	}
	if err := b.LogLook(t.Context(), els, "message_seen", "not an id", "nl"); err == nil {
		t.Error("looked at nothing that has an id")
	}
}
