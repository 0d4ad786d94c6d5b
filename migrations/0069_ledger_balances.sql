-- +goose Up

-- What is entered balances when its statement ends, asked once for all of it.
-- Before, it was asked at commit for each entry and each posting apart, three
-- times for a submission, while everybody else of the account waited for its
-- purse. An entry and its postings are therefore written by one statement.
DROP TRIGGER ledger_entry_balances ON ledger_entry;
DROP TRIGGER ledger_posting_balances ON ledger_posting;

-- An entry has postings, of its own customer, that add up to zero. Both functions
-- look for the postings of one entry after the other: what is added has no
-- statistics, and another plan would read the postings of all times.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ledger_entry_balances() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    bad record;
BEGIN
    SELECT e.id, b.postings, b.total INTO bad
      FROM added e CROSS JOIN LATERAL (
           SELECT count(*) AS postings, sum(p.amount) AS total, bool_or(p.account_id <> e.account_id OR p.test <> e.test) AS strays
             FROM ledger_posting p WHERE p.entry_id = e.id) b
     WHERE b.postings < 2 OR b.total <> 0 OR b.strays LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry %: % postings, sum %', bad.id, bad.postings, bad.total
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_balances();

-- And still does with what is added to it.
-- +goose StatementBegin
CREATE FUNCTION ledger_posting_balances() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    bad record;
BEGIN
    SELECT a.entry_id, b.postings, b.total INTO bad
      FROM (SELECT DISTINCT entry_id FROM added) a CROSS JOIN LATERAL (
           SELECT count(*) AS postings, sum(p.amount) AS total, bool_or(p.account_id <> e.account_id OR p.test <> e.test) AS strays
             FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id WHERE p.entry_id = a.entry_id) b
     WHERE b.postings < 2 OR b.total <> 0 OR b.strays LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry %: % postings, sum %', bad.entry_id, bad.postings, bad.total
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_posting_balances AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_posting_balances();
