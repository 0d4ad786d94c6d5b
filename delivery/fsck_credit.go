package delivery

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// fsckCredit holds the books against each other: each query finds what must not
// be, as a sentence for an operator.
var fsckCredit = []string{
	`SELECT 'ledger entry ' || e.id || ' adds up to ' || coalesce(sum(p.amount), 0) || ' in ' || count(p.entry_id) || ' postings'
	   FROM ledger_entry e LEFT JOIN ledger_posting p ON p.entry_id = e.id GROUP BY e.id HAVING coalesce(sum(p.amount), 0) <> 0 OR count(p.entry_id) < 2`,
	`SELECT 'account ' || w.account_id || ': purse says ' || w.available || ' and ' || w.reserved || ', the ledger ' || coalesce(l.credits, 0) || ' and ' || coalesce(l.reserved, 0)
	   FROM purse w LEFT JOIN (SELECT account_id, test, sum(amount) FILTER (WHERE name = 'credits') AS credits, sum(amount) FILTER (WHERE name = 'reserved') AS reserved
	          FROM ledger_posting GROUP BY account_id, test) l USING (account_id, test)
	  WHERE w.available <> coalesce(l.credits, 0) OR w.reserved <> coalesce(l.reserved, 0)`,
	`SELECT 'account ' || w.account_id || ': ' || w.reserved || ' is reserved, open deliveries say ' || coalesce(sum(c.online + c.sms + c.postage), 0)
	   FROM purse w LEFT JOIN charge c ON c.account_id = w.account_id AND c.test = w.test AND c.settled_at IS NULL
	  GROUP BY w.account_id, w.test, w.reserved HAVING w.reserved <> coalesce(sum(c.online + c.sms + c.postage), 0)`,
	`SELECT 'account ' || account_id || ' has ' || available || ', less than it may' FROM purse WHERE mode <> 'free' AND available < -bound OR reserved < 0`,
	`SELECT 'delivery ' || c.delivery_id || ' has no entry that ' || m.kind || 's it' FROM charge c
	   JOIN LATERAL (VALUES ('settle', c.settled_at IS NOT NULL), ('return', c.returned_at IS NOT NULL)) AS m (kind, should) ON m.should
	  WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.source = m.kind || ':' || c.delivery_id)`,
	`SELECT 'delivery ' || e.delivery_id || ' was booked (' || e.kind || '), but its charge does not say so' FROM ledger_entry e
	  WHERE e.kind IN ('settle', 'return') AND NOT EXISTS (SELECT FROM charge c WHERE c.delivery_id = e.delivery_id
	    AND CASE e.kind WHEN 'settle' THEN c.settled_at ELSE c.returned_at END IS NOT NULL)`,
	`SELECT 'payment ' || id || ' is booked, and has no entry' FROM payment p
	  WHERE booked_at IS NOT NULL AND NOT EXISTS (SELECT FROM ledger_entry e WHERE e.source = 'payment:' || p.id)`,
	`SELECT 'invoices of ' || year || ': ' || count(*) || ' of ' || max(seq) FROM invoice
	  WHERE issued_at > now() - interval '7 years' GROUP BY year HAVING count(*) <> max(seq) - min(seq) + 1`,
}

// checkCredit reports what does not hold in the books. It looks at one snapshot.
func (s *Service) checkCredit(ctx context.Context, report func(Fault)) error {
	return pgx.BeginTxFunc(ctx, s.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, sql := range fsckCredit {
			rows, err := tx.Query(ctx, sql)
			if err != nil {
				return fmt.Errorf("delivery: check books: %w", err)
			}
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return fmt.Errorf("delivery: check books: %w", err)
			}
			for _, what := range found {
				report(Fault{What: what})
			}
		}
		return nil
	})
}
