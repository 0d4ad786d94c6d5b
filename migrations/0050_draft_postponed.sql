-- +goose Up

-- One more kind of notice, whatever kinds there are by now: authors are told that a
-- planned message waits for a day on which their account may send again. What a row
-- of notice is, and its other invariants, stay as they are.
-- +goose StatementBegin
DO $$
DECLARE
    was text;
BEGIN
    SELECT pg_get_constraintdef(oid) INTO STRICT was FROM pg_constraint
     WHERE conname = 'notice_kind_known' AND conrelid = 'notice'::regclass;
    ALTER TABLE notice DROP CONSTRAINT notice_kind_known;
    EXECUTE 'ALTER TABLE notice ADD CONSTRAINT notice_kind_known ' || replace(was, 'ARRAY[', 'ARRAY[''draft_postponed''::text, ');
END $$;
-- +goose StatementEnd
