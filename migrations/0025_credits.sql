-- +goose Up

-- A row is the credit of one account: of its live messages, or of its test
-- messages. available and reserved are the sums of the postings of that name, kept
-- here so that taking is one conditional update: nobody can have less than -bound
-- (a CHECK, whoever writes), except where nothing is charged in earnest (free).
-- Amounts are cents of a euro without VAT.
CREATE TABLE purse (
    account_id  uuid        NOT NULL REFERENCES account (id),
    test        boolean     NOT NULL,
    mode        text        NOT NULL,           -- prepaid; postpaid: invoiced monthly; free: written down, nothing asked
    bound       bigint      NOT NULL DEFAULT 0, -- how far available may go below zero (postpaid)
    available   bigint      NOT NULL DEFAULT 0,
    reserved    bigint      NOT NULL DEFAULT 0,
    low_at      bigint      NOT NULL DEFAULT 0, -- tell the account when available falls below; 0: never
    low_told    boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, test),
    CONSTRAINT purse_mode_known CHECK (mode IN ('prepaid', 'postpaid', 'free')),
    CONSTRAINT purse_test_is_free CHECK (mode = 'free' OR NOT test),
    CONSTRAINT purse_bound_fits_mode CHECK (bound >= 0 AND (mode = 'postpaid' OR bound = 0)),
    CONSTRAINT purse_not_overdrawn CHECK (mode = 'free' OR available >= -bound),
    CONSTRAINT purse_reserved_not_negative CHECK (reserved >= 0),
    CONSTRAINT purse_low_not_negative CHECK (low_at >= 0)
);

-- A row is one account of the double-entry ledger: what a customer has with us
-- (credits, reserved), what we earned with them by product (revenue_…), VAT that we
-- owe on, money that came in (payments) and went back (refunds), what they owe
-- us (owed), and what an operator gave or took (given). Never removed.
CREATE TABLE ledger_account (
    account_id uuid    NOT NULL,
    test       boolean NOT NULL,
    name       text    NOT NULL,
    PRIMARY KEY (account_id, test, name),
    CONSTRAINT ledger_account_of_purse FOREIGN KEY (account_id, test) REFERENCES purse (account_id, test),
    CONSTRAINT ledger_account_name_known CHECK (name IN ('credits', 'reserved', 'revenue_online', 'revenue_sms', 'revenue_letter',
        'vat', 'payments', 'refunds', 'owed', 'given'))
);

-- A row is one thing that happened to money. source names what it is about and is
-- unique: nothing is booked twice. Append-only. message_id and delivery_id are no
-- foreign keys, because books are kept longer than messages.
CREATE TABLE ledger_entry (
    id          uuid        PRIMARY KEY,        -- UUIDv7: ordered by time
    account_id  uuid        NOT NULL,
    test        boolean     NOT NULL,
    kind        text        NOT NULL,
    source      text        NOT NULL,
    at          timestamptz NOT NULL,
    message_id  uuid,
    delivery_id uuid,
    cost_centre text        NOT NULL DEFAULT '',
    reference   text        NOT NULL DEFAULT '', -- of the message, payment or invoice
    prices      text        NOT NULL DEFAULT '', -- version of the price list
    by          text        NOT NULL DEFAULT '', -- operator's person id, where one did it
    reason      text        NOT NULL DEFAULT '',
    CONSTRAINT ledger_entry_source_unique UNIQUE (source),
    CONSTRAINT ledger_entry_kind_known CHECK (kind IN ('reserve', 'settle', 'return', 'top_up', 'payment_back', 'given', 'invoice', 'invoice_paid')),
    CONSTRAINT ledger_entry_bounded CHECK (char_length(source) <= 200 AND char_length(reason) <= 1000 AND char_length(reference) <= 200)
);
CREATE INDEX ledger_entry_of_account ON ledger_entry (account_id, test, id);

-- A row is one amount of an entry on one account: positive is what we owe or
-- earned, negative what we hold or are owed. The postings of an entry add up to
-- zero when it is committed. Append-only.
CREATE TABLE ledger_posting (
    entry_id   uuid     NOT NULL REFERENCES ledger_entry (id) DEFERRABLE INITIALLY DEFERRED,
    account_id uuid     NOT NULL,
    test       boolean  NOT NULL,
    name       text     NOT NULL,
    amount     bigint   NOT NULL,
    PRIMARY KEY (entry_id, name),
    CONSTRAINT ledger_posting_account FOREIGN KEY (account_id, test, name) REFERENCES ledger_account (account_id, test, name),
    CONSTRAINT ledger_posting_not_nothing CHECK (amount <> 0)
);

-- +goose StatementBegin
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_append_only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE ON ledger_posting FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_posting_no_truncate BEFORE TRUNCATE ON ledger_posting FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_account_append_only BEFORE UPDATE OR DELETE ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_append_only();

-- At commit: an entry has postings, of its own customer, that add up to zero.
-- +goose StatementBegin
CREATE FUNCTION ledger_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entry uuid := CASE TG_TABLE_NAME WHEN 'ledger_entry' THEN to_jsonb(NEW) ->> 'id' ELSE to_jsonb(NEW) ->> 'entry_id' END;
    total bigint;
    n integer;
    strays integer;
BEGIN
    SELECT sum(p.amount), count(*), count(*) FILTER (WHERE p.account_id <> e.account_id OR p.test <> e.test) INTO total, n, strays
      FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id WHERE p.entry_id = entry;
    IF n < 2 OR total <> 0 OR strays > 0 THEN
        RAISE EXCEPTION 'ledger entry %: % postings, sum %', entry, n, total
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances();
CREATE CONSTRAINT TRIGGER ledger_posting_balances AFTER INSERT ON ledger_posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances();

-- A row is what one delivery may cost, reserved when it was submitted, and what
-- it did cost. Settled once, in the transaction of the move that ends the
-- question; postage is given back once at most, when the letter was not posted.
CREATE TABLE charge (
    delivery_id uuid        PRIMARY KEY,        -- no foreign key: books are kept longer than deliveries
    account_id  uuid        NOT NULL,
    test        boolean     NOT NULL,
    entry_id    uuid        NOT NULL REFERENCES ledger_entry (id) DEFERRABLE INITIALLY DEFERRED,
    prices      text        NOT NULL,           -- version of the price list: what it says later does not count
    country     text        NOT NULL,           -- of the address; '' without one
    online      bigint      NOT NULL,
    sms         bigint      NOT NULL,
    postage     bigint      NOT NULL,           -- reserved for a letter
    posted      bigint      NOT NULL DEFAULT 0, -- taken for the letter
    settled_at  timestamptz,
    returned_at timestamptz,                    -- posted was given back
    CONSTRAINT charge_amounts CHECK (online >= 0 AND sms >= 0 AND postage >= 0 AND posted >= 0),
    CONSTRAINT charge_returned_after_settled CHECK (returned_at IS NULL OR settled_at IS NOT NULL)
);
CREATE INDEX charge_open ON charge (account_id, test) WHERE settled_at IS NULL;

-- A row is one payment that somebody was asked for, as the provider says it is.
-- amount is what is paid (with VAT), credit what it buys. Money is booked from it
-- by what is not booked yet: booked, and back for refunds and chargebacks.
CREATE TABLE payment (
    id          uuid        PRIMARY KEY,
    account_id  uuid        NOT NULL REFERENCES account (id),
    provider    text        NOT NULL,
    ref         text,                           -- the provider's id; NULL until it answered
    checkout    text        NOT NULL DEFAULT '', -- its page, while it can be paid
    status      text        NOT NULL DEFAULT 'open',
    credit      bigint      NOT NULL,
    vat         bigint      NOT NULL,
    amount      bigint      NOT NULL,
    created_by  text        NOT NULL,
    language    text        NOT NULL,
    created_at  timestamptz NOT NULL,
    checked_at  timestamptz NOT NULL,           -- when the provider was asked last
    booked_at   timestamptz,                    -- when it became credit
    back        bigint      NOT NULL DEFAULT 0, -- of amount, booked as gone back
    CONSTRAINT payment_ref_unique UNIQUE (provider, ref),
    CONSTRAINT payment_status_known CHECK (status IN ('open', 'pending', 'authorized', 'paid', 'failed', 'expired', 'canceled')),
    CONSTRAINT payment_amounts CHECK (credit > 0 AND vat >= 0 AND amount = credit + vat AND back BETWEEN 0 AND amount),
    CONSTRAINT payment_booked_when_paid CHECK (booked_at IS NULL OR status = 'paid'),
    CONSTRAINT payment_back_after_booked CHECK (back = 0 OR booked_at IS NOT NULL)
);
CREATE INDEX payment_of_account ON payment (account_id, id);
CREATE INDEX payment_waiting ON payment (checked_at) WHERE status IN ('open', 'pending', 'authorized');

-- A row is where a company wants to be on its invoices: of companies no other
-- postal address is kept.
CREATE TABLE billing_address (
    account_id uuid   PRIMARY KEY REFERENCES account (id),
    lines      text[] NOT NULL,
    postcode   text   NOT NULL,
    city       text   NOT NULL,
    CONSTRAINT billing_address_bounded CHECK (cardinality(lines) BETWEEN 1 AND 3 AND char_length(postcode) <= 20 AND char_length(city) <= 100
        AND char_length(array_to_string(lines, '')) <= 300)
);

-- A row is the last number given in a year: held until the transaction that took
-- it ends, so that numbers have no gaps.
CREATE TABLE invoice_number (
    year integer PRIMARY KEY,
    last integer NOT NULL,
    CONSTRAINT invoice_number_positive CHECK (last > 0)
);

-- A row is an invoice, or the credit note that corrects one, as it was issued:
-- seller and buyer are copies. Written once, except for when it was sent and paid.
-- Removed after the years that the law asks for, never before seven.
CREATE TABLE invoice (
    id          uuid        PRIMARY KEY,        -- UUIDv7: ordered by time
    account_id  uuid        NOT NULL,
    year        integer     NOT NULL,
    seq         integer     NOT NULL,
    kind        text        NOT NULL,
    corrects    uuid,
    source      text        NOT NULL,           -- payment:…, payment_back:…, month:…
    issued_at   timestamptz NOT NULL,
    due_on      date        NOT NULL,
    period      text        NOT NULL DEFAULT '', -- YYYY-MM of a monthly invoice
    language    text        NOT NULL,
    seller      jsonb       NOT NULL,
    buyer       jsonb       NOT NULL,
    lines       jsonb       NOT NULL,
    net         bigint      NOT NULL,
    vat         bigint      NOT NULL,
    gross       bigint      NOT NULL,
    vat_rate    integer     NOT NULL,           -- percent
    vat_kind    text        NOT NULL,           -- S standard, AE reverse charge, O outside the scope
    ogm         text        NOT NULL,           -- structured communication, twelve digits
    paid_at     timestamptz,
    sent_at     timestamptz,                    -- given to the outside that sends it
    CONSTRAINT invoice_number_unique UNIQUE (year, seq),
    CONSTRAINT invoice_source_unique UNIQUE (source),
    CONSTRAINT invoice_ogm_unique UNIQUE (ogm),
    CONSTRAINT invoice_kind_known CHECK (kind IN ('invoice', 'credit_note')),
    CONSTRAINT invoice_corrects_one CHECK ((kind = 'credit_note') = (corrects IS NOT NULL)),
    CONSTRAINT invoice_amounts CHECK (net > 0 AND vat >= 0 AND gross = net + vat),
    CONSTRAINT invoice_vat_kind_known CHECK (vat_kind IN ('S', 'AE', 'O') AND (vat_kind = 'S' OR vat = 0)),
    CONSTRAINT invoice_ogm_form CHECK (ogm ~ '^[0-9]{12}$')
);
CREATE INDEX invoice_of_account ON invoice (account_id, id);
CREATE INDEX invoice_unsent ON invoice (id) WHERE sent_at IS NULL;

-- +goose StatementBegin
CREATE FUNCTION invoice_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.issued_at < now() - interval '7 years' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{paid_at,sent_at}'::text[] = to_jsonb(OLD) - '{paid_at,sent_at}'::text[]
            AND (OLD.paid_at IS NULL OR NEW.paid_at = OLD.paid_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice %: written once', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoice_written_once';
END $$;
-- +goose StatementEnd
CREATE TRIGGER invoice_written_once BEFORE UPDATE OR DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION invoice_written_once();
