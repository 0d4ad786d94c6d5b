-- +goose Up

-- What the planner knows of the references that lists are searched by. Without it one
-- is taken for one of two hundred, whatever there is, and among ten million messages
-- another way to the same twenty looks cheaper, which takes 25 times as long.
CREATE STATISTICS message_reference_folded ON lower(reference) FROM message;
ANALYZE message;
