package delivery_test

import (
	"github.com/jackc/pgx/v5"
)

// unasked are indexes of tables that grow which no statement of TestHotStatements
// uses, and what each is for.
var unasked = map[string]string{
	"message_held":         "whether somebody who left sent what is under a hold (identity.Sweep)",
	"deadline_due_test":    "deadlines of an account whose test clock is moved",
	"delivery_by_item":     "what a print partner says of a letter",
	"delivery_to_company":  "the inbox of a company",
	"evidence_of_batch":    "what a batch took, for its proofs",
	"evidence_unbatched":   "what the next batch takes",
	"message_contents_due": "contents that go before their message",
	"message_due_test":     "retention of an account whose test clock is moved",
	"message_list_by_day":  "lists of some days",
	"notice_note":          "notices to account holders that are over",
	"notice_open":          "notices whose job got lost",
}

// indexes are those of tables that only make reading faster: unique ones hold a rule
// besides.
func (r *rig) indexes(tables []string) []string {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), `SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
		WHERE t.relname = ANY ($1) AND t.relnamespace = 'public'::regnamespace AND NOT x.indisunique ORDER BY i.relname`, tables)
	r.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.must(err)
	return list
}
