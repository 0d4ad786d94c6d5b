package delivery

import "context"

// sqlFitsAny says of a message m whether it fits, as sqlFits does of deliveries.
const (
	sqlFitsAny = sqlFitsMessage + ` AND coalesce((SELECT true FROM delivery d WHERE d.message_id = m.id AND ` + sqlFits + ` LIMIT 1), false)`
	sqlFitsOwn = `($5::text[] IS NULL) AND ($6::timestamptz IS NULL) AND NOT $7::boolean AND $13::text = '' AND $14::text = '' AND ` + sqlFitsMessage
)

// Where messages come from, as for deliveries.
const (
	sqlMessagesAll        = ` FROM message m WHERE $4::integer >= 0 AND {place}`
	sqlMessagesOf         = sqlMessagesAll + ` AND m.account_id = $1 AND m.test = $2`
	sqlMessagesNumber     = sqlMessagesOf + ` AND m.number = $10`
	sqlMessagesReference  = sqlMessagesOf + ` AND m.reference <> '' AND lower(m.reference) = lower($11)`
	sqlMessagesCostCentre = sqlMessagesOf + ` AND m.cost_centre <> '' AND lower(m.cost_centre) = lower($12)`
	sqlMessagesSet        = sqlMessagesOf + ` AND m.id IN (SELECT message_id FROM delivery WHERE id = ANY ($15::uuid[]))`
)

// seekMessages chooses how messages are found: by what says most.
func (s *Service) seekMessages(ctx context.Context, account string, f Find, from Place) (query, error) {
	args, until, err := s.findArgs(ctx, account, f, from)
	if err != nil {
		return query{}, err
	}
	set, few, err := s.set(ctx, account, f, args)
	if err != nil {
		return query{}, err
	}
	source, fits, all := sqlMessagesAll, sqlFitsOwn, f == Find{Test: f.Test}
	if f.ByRecipient() {
		fits = sqlFitsAny
	}
	by := "m.id"
	switch {
	case f.Number != "":
		source = sqlMessagesNumber
	case few:
		source, args = sqlMessagesSet, append(args, set)
	case f.Reference != "":
		source, all = sqlMessagesReference, f == Find{Test: f.Test, Reference: f.Reference}
	case f.CostCentre != "":
		source, all = sqlMessagesCostCentre, f == Find{Test: f.Test, CostCentre: f.CostCentre}
	default:
		by = "m.account_id, m.test, m.id"
	}
	q := compose("SELECT m.id, m.id, 0, "+fits+source, args, from, by, all)
	q.until = until
	return q, nil
}
