package delivery_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// appended is an event that is the next of the delivery.
const appended = `INSERT INTO erds_event (delivery_id, seq, id, message_id, account_id, name, at, body, prev, hash)
	SELECT {d}, 8, gen_random_uuid(), {m}, {a}, 'x', now(), 'b', hash, sha256('b') FROM erds_event WHERE delivery_id = {d} AND seq = 7`

// event is appended with other values.
func event(change ...string) string {
	return strings.NewReplacer(change...).Replace(appended)
}

const prepared = `INSERT INTO evidence (id, delivery_id, seq, account_id, nonce, prepared_xml, prepared_at)
	SELECT id, delivery_id, seq, account_id, sha256('n'), 'p', now() FROM erds_event WHERE delivery_id = {d} AND seq = 1`

const (
	batched   = `INSERT INTO evidence_batch VALUES (1, now(), sha256('x') || sha256('c'), 't', now(), now(), 1, 'c')`
	stampedIn = `UPDATE evidence SET xml = 'x', xml_sha256 = sha256('x'), stamped_at = now(), batch_id = 1, batch_pos = 0, log_index = 0`
	sealedNow = stampedIn + `, pdf = 'p', pdf_sha256 = sha256('p'), sealed_at = now()`
)

// guards tries every constraint of the schema: what is not allowed, in one
// transaction, and who refuses it.
var guards = []struct {
	want string
	sql  []string
}{
	{"message_number_unique", []string{free, `UPDATE message SET number = (SELECT number FROM message WHERE id = {m}) WHERE id <> {m}`}},
	{"message_language_known", []string{free, `UPDATE message SET language = 'es'`}},
	{"message_deliveries_bounded", []string{free, `UPDATE message SET deliveries = 0`}},
	{"message_deliveries_bounded", []string{free, `UPDATE message SET deliveries = 10001`}},
	{"message_cost_centre_bounded", []string{free, `UPDATE message SET cost_centre = repeat('k', 51)`}},
	{"message_purged_not_early", []string{`UPDATE message SET purged_at = retain_until - interval '1 microsecond'`}},
	{"message_purged_not_held", []string{`UPDATE message SET held = true, purged_at = retain_until`}},

	{"erasure_not_early", []string{`INSERT INTO erasure (message_id, erased_at, deliveries, heads, due_at, pieces) SELECT id, retain_until - interval '1 microsecond', 1, '', retain_until, 1 FROM message`}},
	{"erasure_contents_first", []string{`INSERT INTO erasure (message_id, erased_at, deliveries, heads, contents_at) SELECT id, retain_until, 1, '', retain_until + interval '1 second' FROM message`}},
	{"message_contents_gone_after", []string{`UPDATE message SET contents_gone_at = submitted_at - interval '1 second'`}},
	{"erasure_pieces", []string{`INSERT INTO erasure (message_id, erased_at, deliveries, heads, due_at, pieces) SELECT id, retain_until, 1, '', retain_until, -1 FROM message`}},

	{"document_object_unique", []string{`UPDATE document SET object = 'x'`}},
	{"document_bound_has_position", []string{`UPDATE document SET position = NULL`}},
	{"document_bound_has_position", []string{`UPDATE document SET message_id = NULL`}},
	{"document_size_bounded", []string{`UPDATE document SET size = -1`}},
	{"document_size_bounded", []string{`UPDATE document SET size = 1073741825`}},
	{"document_sha256_length", []string{`UPDATE document SET sha256 = 'x'`}},
	{"document_by_message", []string{`UPDATE document SET position = 1 WHERE message_id = {m}`}},

	{"delivery_position_unique", []string{`UPDATE delivery SET message_id = {m}`}},
	{"delivery_link_unique", []string{`UPDATE delivery SET link_hash = sha256('x')`}},
	{"delivery_notice_code_unique", []string{`UPDATE delivery SET notice_code = 'x'`}},
	{"delivery_state_known", []string{`UPDATE delivery SET state = 'lost', last_seq = last_seq + 1`}},
	{"delivery_channel_known", []string{`UPDATE delivery SET email = 'x'`}},
	{"delivery_channel_known", []string{`UPDATE delivery SET sms = 'x'`}},
	{"delivery_hash_length", []string{`UPDATE delivery SET last_hash = 'x'`}},
	{"delivery_hash_length", []string{`UPDATE delivery SET link_hash = 'x'`}},
	{"delivery_notified_has_window", []string{`UPDATE delivery SET state = 'notified', respond_by = NULL, last_seq = last_seq + 1`}},
	{"delivery_notified_has_window", []string{`UPDATE delivery SET state = 'notified', notified_at = NULL, last_seq = last_seq + 1`}},
	{"delivery_content_only_identified", []string{`UPDATE delivery SET identified = NULL WHERE id = {d}`}},
	{"delivery_content_only_identified", []string{`UPDATE delivery SET state = 'accepted', last_seq = last_seq + 1 WHERE id <> {d}`}},
	{"delivery_content_only_identified", []string{`UPDATE delivery SET state = 'handed_over', last_seq = last_seq + 1 WHERE id <> {d}`}},
	{"delivery_posting_has_item", []string{`UPDATE delivery SET state = 'posting', last_seq = last_seq + 1`}},
	{"delivery_posting_has_item", []string{`UPDATE delivery SET state = 'delivered_by_post', last_seq = last_seq + 1`}},
	{"delivery_move_has_event", []string{`UPDATE delivery SET state = 'cancelled'`}},
	{"delivery_seq_monotonic", []string{`UPDATE delivery SET last_seq = last_seq - 1`}},
	{"delivery_seq_monotonic", []string{`UPDATE delivery SET state = 'cancelled', last_seq = 0`}},
	{"delivery_last_event", []string{`UPDATE delivery SET state = 'cancelled', last_seq = last_seq + 1`}},
	{"delivery_last_event", []string{`INSERT INTO delivery SELECT gen_random_uuid(), message_id, account_id, 9, test, 'submitted', 1, last_hash, last_at, moved_at,
		recipient, sha256('y'), link_nonce, 'y' FROM delivery WHERE id = {d}`}},
	{"delivery_seq_positive", []string{`INSERT INTO delivery SELECT gen_random_uuid(), message_id, account_id, 9, test, 'submitted', 0, last_hash, last_at, moved_at,
		recipient, sha256('y'), link_nonce, 'y' FROM delivery WHERE id = {d}`}},

	{"deadline_kind_known", []string{`UPDATE deadline SET kind = 'x'`}},
	{"test_clock_only_forward", []string{`INSERT INTO test_clock VALUES ({a}, -1)`}},
	{"collect_session_codes_before_actor", []string{`UPDATE collect_session SET actor = '{}', sms_at = NULL`}},
	{"collect_session_codes_before_actor", []string{`UPDATE collect_session SET actor = '{}', email_at = NULL`}},
	{"legal_hold_lifted_by_somebody", []string{`INSERT INTO legal_hold VALUES (gen_random_uuid(), {m}, 'x', 'x', now(), 'x', NULL)`}},
	{"legal_hold_ends_after_placed", []string{`INSERT INTO legal_hold (id, message_id, reason, placed_by, placed_at, ends_at) VALUES (gen_random_uuid(), {m}, 'x', 'x', now(), now())`}},
	{"document_shared_unbound", []string{`UPDATE document SET shared = true WHERE message_id IS NOT NULL`}},
	{"deadline_rehearsed_is_test", []string{`INSERT INTO deadline (delivery_id, kind, account_id, test, due_at) SELECT id, 'rehearse', account_id, false, now() FROM delivery`}},
	{"legal_hold_one_open", []string{`INSERT INTO legal_hold SELECT gen_random_uuid(), {m}, 'x', 'x', now() FROM generate_series(1, 2)`}},
	{"letter_object_unique", []string{`INSERT INTO letter SELECT id, 'o', 'k', 'w', 1, sha256('x'), now() FROM delivery`}},

	{"message_written_once", []string{`UPDATE message SET subject = 'x'`}},
	{"message_written_once", []string{`UPDATE message SET policy = policy || '{"level": "low"}'`}},
	{"message_written_once", []string{`UPDATE message SET retain_until = now() - interval '1 day', purged_at = now()`, `UPDATE message SET purged_at = NULL`}},

	{"erds_event_append_only", []string{`UPDATE erds_event SET at = at`}},
	{"erds_event_append_only", []string{`UPDATE erds_event SET tx = '1' WHERE seq = 1`}},
	{"erds_event_append_only", []string{`DELETE FROM erds_event WHERE delivery_id = {d} AND seq = 7`}},
	{"erds_event_append_only", []string{`UPDATE message SET retain_until = now() - interval '1 day', purged_at = now() WHERE id <> {m}`, `DELETE FROM erds_event WHERE delivery_id = {d}`}},
	{"erds_event_append_only", []string{`TRUNCATE erds_event CASCADE`}},
	{"erds_event_append_only", []string{`TRUNCATE message, document, delivery, erds_event, evidence, deadline, letter, legal_hold, collect_session, delegate, contact_proposal, postal_document`}},
	{"erds_event_id_unique", []string{event("gen_random_uuid()", "id")}},
	{"delegate_link_unique", []string{somebody(), somebody("'n1'", "'n2'", "NULL)", "now())")}},
	{"delegate_link_hash", []string{somebody("sha256('l')", "'l'")}},
	{"delegate_named", []string{somebody("'Jo'", "''")}},
	{"delegate_named", []string{somebody("'r-1'", "''")}},
	{"delegate_under_mandate", []string{somebody("NULL, NULL", "gen_random_uuid(), NULL")}},
	{"delegate_under_mandate", []string{somebody("NULL, NULL", "NULL, gen_random_uuid()")}},
	{"delegate_withdrawn_after_named", []string{somebody("NULL)", "now() - interval '1 day')")}},
	{"delegate_one_named", []string{somebody(), somebody("sha256('l')", "sha256('m')")}},
	{"delegate_one_each", []string{somebody("NULL, NULL", "{d}, {d}"), somebody("NULL, NULL", "{d}, {d}", "sha256('l')", "sha256('m')")}},
	{"delegate_only_ends", []string{somebody(), `UPDATE delegate SET email = 'other@example.be'`}},
	{"delegate_only_ends", []string{somebody("NULL)", "now())"), `UPDATE delegate SET withdrawn_at = NULL`}},
	{"delegate_only_ends", []string{somebody("NULL)", "now())"), `UPDATE delegate SET withdrawn_at = now() + interval '1 day'`}},

	{"erds_event_seq_positive", []string{event("8,", "0,")}},
	{"erds_event_first_has_no_prev", []string{event(", hash, sha", ", NULL, sha")}},
	{"erds_event_first_has_no_prev", []string{event("8,", "1,")}},
	{"erds_event_hash_is_of_body", []string{event("sha256('b')", "sha256('c')")}},
	{"erds_event_has_move", []string{appended}},
	{"erds_event_delivery_id_fkey", []string{event("SELECT {d}", "SELECT gen_random_uuid()", "8,", "2,")}},
	{"erds_event_is_chained", []string{event("8,", "9,"), `UPDATE delivery SET last_seq = 9 WHERE id = {d}`}},
	{"erds_event_is_chained", []string{event(", hash, sha", ", sha256('z'), sha"), `UPDATE delivery SET last_seq = 8 WHERE id = {d}`}},
	{"erds_event_pkey", []string{event("8,", "7,")}},

	{"evidence_event_unique", []string{prepared, strings.Replace(prepared, "SELECT id", "SELECT gen_random_uuid()", 1)}},
	{"evidence_of_event", []string{strings.Replace(prepared, "delivery_id, seq, account_id, sha", "delivery_id, 99, account_id, sha", 1)}},
	{"evidence_nonce_length", []string{strings.Replace(prepared, "sha256('n')", "'n'", 1)}},
	{"evidence_sealed_is_logged", []string{prepared, `UPDATE evidence SET sealed_at = now()`}},
	{"evidence_in_order", []string{prepared, batched, `UPDATE evidence SET batch_id = 1, batch_pos = 0, log_index = 0`}},
	{"evidence_in_order", []string{prepared, `UPDATE evidence SET xml = 'x', xml_sha256 = sha256('x')`}},
	{"evidence_in_order", []string{strings.NewReplacer("prepared_at)", "prepared_at, own_stamp)", "now() FROM", "now(), false FROM").Replace(prepared), `UPDATE evidence SET signed_xml = 'x'`}},
	{"evidence_sealed_whole", []string{prepared, batched, sealedNow[:strings.LastIndex(sealedNow, ",")]}},
	{"evidence_sealed_whole", []string{prepared, batched, stampedIn[:strings.LastIndex(stampedIn, ",")]}},
	{"evidence_sealed_is_logged", []string{prepared, strings.Replace(sealedNow, "batch_id = 1, batch_pos = 0, log_index = 0, ", "", 1)}},
	{"evidence_digests_match", []string{prepared, batched, strings.Replace(sealedNow, "sha256('x')", "sha256('y')", 1)}},
	{"evidence_digests_match", []string{prepared, batched, strings.Replace(sealedNow, "sha256('p')", "sha256('y')", 1)}},
	{"evidence_written_once", []string{prepared, batched, sealedNow, strings.ReplaceAll(sealedNow, "'x'", "'y'")}},
	{"evidence_written_once", []string{prepared, batched, sealedNow, `UPDATE evidence SET batch_id = NULL, batch_pos = NULL, log_index = NULL, xml = NULL, pdf = NULL, xml_sha256 = NULL, pdf_sha256 = NULL, stamped_at = NULL, sealed_at = NULL`}},
	{"evidence_written_once", []string{prepared, `UPDATE evidence SET prepared_xml = 'q'`}},
	{"evidence_written_once", []string{prepared, `UPDATE evidence SET nonce = sha256('q')`}},
	{"evidence_written_once", []string{prepared, `UPDATE evidence SET seq = 2`}},
	{"evidence_written_once", []string{prepared, `DELETE FROM evidence`}},
	{"evidence_written_once", []string{prepared, batched, sealedNow, `DELETE FROM evidence`}},
	{"evidence_written_once", []string{prepared, `TRUNCATE evidence`}},
}

// somebody writes a delegate, changed.
func somebody(change ...string) string {
	return strings.NewReplacer(change...).Replace(`INSERT INTO delegate (id, delivery_id, given, family, email, mobile, language, person_id, mandate_id,
		link_hash, link_nonce, named_at, record, withdrawn_at)
		VALUES (gen_random_uuid(), {d}, 'Jo', 'Maes', 'jo@example.be', '+32470000002', 'nl', NULL, NULL, sha256('l'), 'n1', now(), 'r-1', NULL)`)
}

// free takes away the rule that comes before the ones of single columns.
const free = `ALTER TABLE message DISABLE TRIGGER message_written_once`

// TestSchemaRefuses tries what the code never does, as the owner of the tables.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, _ := r.consigned()
	r.submit(1)
	if n := r.count(`SELECT max(seq) FROM erds_event`); n != 7 {
		t.Fatalf("%d events, the cases count on 7", n)
	}
	names := strings.NewReplacer("{d}", `'`+string(d.ID)+`'::uuid`, "{m}", `'`+string(d.Message.ID)+`'::uuid`, "{a}", `'`+r.account+`'::uuid`)
	tried := map[string]bool{}
	for _, g := range guards {
		tried[g.want] = true
		err := pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error {
			for _, sql := range g.sql {
				if _, err := tx.Exec(r.ctx(), names.Replace(sql)); err != nil {
					return err
				}
			}
			return nil
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.ConstraintName != g.want {
			t.Errorf("%q: %v, want a breach of %s", g.sql, err, g.want)
		}
	}
	// Every named rule of these tables was tried.
	rows, err := r.pool.Query(r.ctx(), `SELECT conname FROM pg_constraint WHERE conrelid::regclass::text IN ('message', 'document', 'delivery',
		'deadline', 'test_clock', 'idempotency', 'collect_session', 'legal_hold', 'erasure', 'letter', 'erds_event', 'evidence', 'delegate')
		AND conname NOT LIKE '%\_pkey' AND conname NOT LIKE '%\_fkey'`)
	r.must(err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	for _, name := range all {
		if !tried[name] {
			t.Errorf("nobody tries to breach %s", name)
		}
	}
	if len(all) < 30 || !slices.Contains(all, "erds_event_is_chained") {
		t.Errorf("only %d rules: %v", len(all), all)
	}
	r.clean()
}

// TestSchemaAllows is the control: the same statements in the right form pass.
func TestSchemaAllows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, _ := r.consigned()
	names := strings.NewReplacer("{d}", `'`+string(d.ID)+`'::uuid`, "{m}", `'`+string(d.Message.ID)+`'::uuid`, "{a}", `'`+r.account+`'::uuid`)
	for _, sqls := range [][]string{
		{appended, `UPDATE delivery SET last_seq = 8, last_hash = sha256('b') WHERE id = {d}`},
		{prepared, batched, sealedNow},
	} {
		r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error {
			for _, sql := range sqls {
				if _, err := tx.Exec(r.ctx(), names.Replace(sql)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
