package delivery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// put changes columns of a delivery as many moves would have.
func (r *rig) put(d delivery.Delivery, set string) {
	r.t.Helper()
	r.exec(`ALTER TABLE delivery DISABLE TRIGGER USER`)
	r.exec(`UPDATE delivery SET ` + set + ` WHERE id = '` + string(d.ID) + `'`)
	r.exec(`ALTER TABLE delivery ENABLE TRIGGER USER`)
}

func addressed(given, family, email string) func(*delivery.Submission) {
	return func(s *delivery.Submission) {
		s.Recipients[0].Given, s.Recipients[0].Family, s.Recipients[0].Email = given, family, email
	}
}

func found(list []delivery.Delivery) (ids []delivery.ID) {
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

// Each way to narrow a list finds what it should and nothing else, among
// deliveries and among messages.
func TestFind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	plain := r.deliveries(r.submit(1))[0]
	refused := r.notified(addressed("Amina", "El Ouali", "Amina.ElOuali@Voorbeeld.example"), func(s *delivery.Submission) { s.Reference, s.CostCentre = "Dossier 7", "HR-Gent" })
	r.put(refused, `state = 'rejected'`)
	r.clock.pass(48 * time.Hour)
	company := r.notified(addressed("Jan", "Peeters", "post@bakkerij.example"), func(s *delivery.Submission) {
		s.Recipients[0].Organisation = &delivery.Organisation{Name: "Bakkerij De Vrede bv", EnterpriseNumber: "0403170701"}
	})
	failed := r.deliveries(r.submit(1, addressed("Zoë", "100% Bio_", "zoe@x.example")))[0]
	r.attempt(r.attempt(failed, notify.Email, notify.Permanent), notify.SMS, notify.Permanent)
	failed = r.again(failed)
	soon := r.notified(addressed("Karel", "Aerts", "karel@x.example"))
	r.put(soon, `respond_by = '`+r.clock.now().Add(47*time.Hour).Format(time.RFC3339)+`'`)
	for name, c := range map[string]struct {
		find delivery.Find
		want []delivery.Delivery
	}{
		"everything":                    {delivery.Find{}, []delivery.Delivery{soon, failed, company, refused, plain}},
		"test ones":                     {delivery.Find{Test: true}, nil},
		"refused":                       {delivery.Find{Status: delivery.StatusRefused}, []delivery.Delivery{refused}},
		"waiting":                       {delivery.Find{Status: delivery.StatusWaiting}, []delivery.Delivery{soon, failed, company, plain}},
		"a state":                       {delivery.Find{State: delivery.Submitted}, []delivery.Delivery{failed, plain}},
		"a state of another status":     {delivery.Find{State: delivery.Submitted, Status: delivery.StatusRefused}, nil},
		"about to expire":               {delivery.Find{Status: delivery.StatusSoon}, []delivery.Delivery{soon}},
		"not reached":                   {delivery.Find{Status: delivery.StatusUnreached}, []delivery.Delivery{failed}},
		"cancelled":                     {delivery.Find{Status: delivery.StatusCancelled}, nil},
		"since":                         {delivery.Find{From: plain.Message.SubmittedAt.Add(time.Hour)}, []delivery.Delivery{soon, failed, company}},
		"until":                         {delivery.Find{To: plain.Message.SubmittedAt.Add(time.Hour)}, []delivery.Delivery{refused, plain}},
		"reference in any case":         {delivery.Find{Reference: "DOSSIER 7"}, []delivery.Delivery{refused}},
		"a part of a reference":         {delivery.Find{Reference: "dossier"}, nil},
		"cost centre":                   {delivery.Find{CostCentre: "hr-gent"}, []delivery.Delivery{refused}},
		"cost centre of another state":  {delivery.Find{CostCentre: "hr-gent", Status: delivery.StatusWaiting}, nil},
		"number":                        {delivery.Find{Number: strings.ToLower(strings.ReplaceAll(refused.Message.Number, "-", " "))}, []delivery.Delivery{refused}},
		"number and another reference":  {delivery.Find{Number: refused.Message.Number, Reference: "x"}, nil},
		"family name":                   {delivery.Find{Recipient: "el oua"}, []delivery.Delivery{refused}},
		"given and family name":         {delivery.Find{Recipient: " Amina  el Ouali"}, []delivery.Delivery{refused}},
		"e-mail address":                {delivery.Find{Recipient: "AMINA.elouali@"}, []delivery.Delivery{refused}},
		"organisation":                  {delivery.Find{Recipient: "bakkerij de"}, []delivery.Delivery{company}},
		"who is behind an organisation": {delivery.Find{Recipient: "peeters"}, nil},
		"the middle of a name":          {delivery.Find{Recipient: "ouali"}, nil},
		"signs of a pattern":            {delivery.Find{Recipient: "100% bio_"}, []delivery.Delivery{failed}},
		"a pattern":                     {delivery.Find{Recipient: "%"}, nil},
		"name and state":                {delivery.Find{Recipient: "el", Status: delivery.StatusWaiting}, nil},
		"quotes":                        {delivery.Find{Recipient: `'; DROP TABLE delivery; --`, Reference: `"'`}, nil},
	} {
		got, err := r.FindDeliveries(t.Context(), r.account, c.find, delivery.Place{}, 100)
		r.must(err)
		if !slices.Equal(found(got.List), found(c.want)) || got.Older != (delivery.Mark{}) || got.Partial {
			t.Errorf("%s: found %v, want %v; older %v, partial %v", name, found(got.List), found(c.want), got.Older, got.Partial)
		}
		messages, err := r.FindMessages(t.Context(), r.account, c.find, delivery.Place{}, 100)
		r.must(err)
		var ids, want []delivery.ID
		for _, m := range messages.List {
			ids = append(ids, m.ID)
		}
		for _, d := range c.want {
			want = append(want, d.Message.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: found messages %v, want %v", name, ids, want)
		}
	}
	other := r.newAccount()
	for _, f := range []delivery.Find{{}, {Status: delivery.StatusRefused}, {Number: refused.Message.Number}, {Reference: "dossier 7"}, {CostCentre: "hr-gent"},
		{Recipient: "el"}, {Status: delivery.StatusSoon}, {Status: delivery.StatusUnreached}} {
		got, err := r.FindDeliveries(t.Context(), other, f, delivery.Place{}, 100)
		r.must(err)
		messages, err := r.FindMessages(t.Context(), other, f, delivery.Place{}, 100)
		r.must(err)
		if len(got.List)+len(messages.List) > 0 {
			t.Errorf("%+v finds what is another account's", f)
		}
	}
}

// Pages in both directions give everything once, in one order, although messages
// have many recipients.
func TestFindInPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 4 {
		r.submit(3+i, func(s *delivery.Submission) { s.CostCentre = "a" })
		r.submit(1)
	}
	for _, f := range []delivery.Find{{}, {CostCentre: "A"}, {Status: delivery.StatusWaiting}, {Recipient: "an"}, {Reference: "dossier 12/345"},
		{Status: delivery.StatusWaiting, CostCentre: "a"}} {
		whole, err := r.FindDeliveries(t.Context(), r.account, f, delivery.Place{}, 100)
		r.must(err)
		var down, up []delivery.ID
		place := delivery.Place{}
		for {
			page, err := r.FindDeliveries(t.Context(), r.account, f, place, 4)
			r.must(err)
			down = append(down, found(page.List)...)
			if page.Older == (delivery.Mark{}) {
				break
			}
			place = delivery.Place{Mark: page.Older}
		}
		if !slices.Equal(down, found(whole.List)) || len(down) < 18 {
			t.Errorf("%+v: pages give %d, %v", f, len(down), down)
		}
		last := whole.List[len(whole.List)-1]
		place = delivery.Place{Mark: delivery.Mark{Message: last.Message.ID, Position: last.Position}, Newer: true}
		for {
			page, err := r.FindDeliveries(t.Context(), r.account, f, place, 4)
			r.must(err)
			up = append(found(page.List), up...)
			if page.Newer == (delivery.Mark{}) {
				break
			}
			place = delivery.Place{Mark: page.Newer, Newer: true}
		}
		if up = append(up, last.ID); !slices.Equal(up, down) {
			t.Errorf("%+v: from below %v, from above %v", f, up, down)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := r.clock.now()
	for name, f := range map[string]delivery.Find{
		"status": {Status: "lost"}, "state": {State: "lost"}, "to": {From: at, To: at},
		"number": {Number: strings.Repeat("x", 255)}, "reference": {Reference: "a\x00b"}, "cost_centre": {CostCentre: "\xff"}, "recipient": {Recipient: "a\nb"},
	} {
		_, err := r.FindDeliveries(t.Context(), r.account, f, delivery.Place{}, 10)
		_, err2 := r.FindMessages(t.Context(), r.account, f, delivery.Place{}, 10)
		for _, err := range []error{err, err2} {
			if faults, ok := errors.AsType[delivery.FieldErrors](err); !ok || faults[0].Pointer != "/"+name {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, s := range []string{"x", "x.1", string(r.submit(1).ID), string(r.submit(1).ID) + ".-1", string(r.submit(1).ID) + ".10001", string(r.submit(1).ID) + ".1.2"} {
		if m, err := delivery.ParseMark(s); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%q is the mark %v: %v", s, m, err)
		}
	}
}

// In a large account, whose names and references are often the same, no list is
// found by looking at everything, or by sorting it.
func TestFindTouchesLittle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(func(s *delivery.Submission) { s.Reference, s.CostCentre = "r0", "c0" })
	r.many(60_000)
	mark, empty := delivery.Mark{Message: d.Message.ID, Position: 1}, r.newAccount()
	for _, f := range []delivery.Find{{}, {Status: delivery.StatusWaiting}, {Status: delivery.StatusRefused}, {Status: delivery.StatusCollected}, {State: delivery.Returned}, {Status: delivery.StatusSoon},
		{Status: delivery.StatusUnreached}, {Reference: "r7"}, {CostCentre: "c3"}, {Number: "N7"}, {Recipient: "janssens"}, {Recipient: "an7@"},
		{From: d.Message.SubmittedAt.Add(-time.Hour), To: d.Message.SubmittedAt}, {Status: delivery.StatusReturned, CostCentre: "c3", Recipient: "janssens"}} {
		for _, messages := range []bool{false, true} {
			for _, place := range []delivery.Place{{}, {Mark: mark}, {Mark: mark, Newer: true}} {
				sql, args, err := r.Candidates(t.Context(), r.account, f, place, messages)
				r.must(err)
				plan := r.explain(sql, args...)
				if strings.Contains(plan, "Seq Scan") || r.rows(plan) > 4*delivery.LookSome {
					t.Errorf("%+v at %v, messages %v: %s\n%s", f, place, messages, sql, plan)
				}
				args[0] = empty
				if plan := r.explain(sql, args...); strings.Contains(plan, "Seq Scan") || r.rows(plan) > delivery.LookSome {
					t.Errorf("%+v at %v, messages %v, for an account with nothing: %s\n%s", f, place, messages, sql, plan)
				}
			}
		}
	}
}

// many copies the one delivery of the account n times, each a message of its own,
// with other keys, in states as they come.
func (r *rig) many(n int) {
	r.t.Helper()
	for _, q := range []string{`ALTER TABLE message DISABLE TRIGGER USER`, `ALTER TABLE delivery DISABLE TRIGGER USER`,
		`ALTER TABLE delivery DROP CONSTRAINT delivery_last_event, DROP CONSTRAINT delivery_content_only_identified, DROP CONSTRAINT delivery_posting_has_item`,
		`CREATE FUNCTION some_id(i integer, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(1750000000000 + i * 2000::bigint), 12, '0') || '7' || substr(md5(salt || i), 1, 3) || '8' || substr(md5(salt || i), 5, 15))::uuid $$`} {
		r.exec(q)
	}
	r.exec(`INSERT INTO message SELECT x.* FROM (SELECT m FROM message m LIMIT 1) t, generate_series(1, $1::int) i,
	jsonb_populate_record(t.m, jsonb_build_object('id', some_id(i, 'm'), 'number', 'N' || i, 'reference', 'r' || i % 500, 'cost_centre', 'c' || i % 9,
		'submitted_at', to_timestamp(1750000000 + i * 2))) x`, n)
	r.exec(`INSERT INTO delivery SELECT x.* FROM (SELECT d FROM delivery d LIMIT 1) t, generate_series(1, $1::int) i,
	jsonb_populate_record(t.d, jsonb_build_object('id', some_id(i, 'd'), 'message_id', some_id(i, 'm'), 'link_hash', sha256(int4send(i)), 'notice_code', 'C' || i,
		'state', (ARRAY['notified', 'notified', 'handed_over', 'handed_over', 'handed_over', 'rejected', 'expired', 'posted', 'delivered_by_post', 'cancelled'])[1 + i % 10],
		'recipient', (t.d).recipient || jsonb_build_object('email', 'an' || i % 5000 || '@example.be', 'family', CASE i % 3 WHEN 0 THEN 'Janssens' ELSE 'F' || i END))) x`, n)
	r.exec(`ANALYZE`)
}

// explain runs a statement as one that is prepared, and gives how it was done.
func (r *rig) explain(sql string, args ...any) string {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) "+sql, args...)
	r.must(err)
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var line string
		r.must(rows.Scan(&line))
		b.WriteString(line + "\n")
	}
	r.must(rows.Err())
	return b.String()
}

// rows is the most rows that one step of a plan gave, or threw away.
func (r *rig) rows(plan string) (most int) {
	for line := range strings.Lines(plan) {
		var n int
		if _, after, ok := strings.Cut(line, "(actual rows="); ok {
			fmt.Sscanf(after, "%d", &n)
			loops := 1
			if _, l, ok := strings.Cut(after, "loops="); ok {
				fmt.Sscanf(l, "%d", &loops)
			}
			n *= max(1, loops)
		} else if _, after, ok := strings.Cut(line, "Rows Removed by Filter: "); ok {
			fmt.Sscanf(after, "%d", &n)
		}
		most = max(most, n)
	}
	return most
}
