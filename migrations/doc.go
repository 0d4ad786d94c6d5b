// Package migrations brings a database to the schema this program needs: the
// numbered SQL files of this directory, then the tables of the job queue.
//
// Files are applied forward only, in the order of their numbers, each in its own
// transaction, under a lock that lets one process at a time migrate. The SHA-256
// of every file is recorded before it runs; a file that was applied and then
// edited is refused, because two databases would differ while claiming the same
// version. What an old file got wrong, a new file mends.
//
// A file is named NNNN_name.sql and begins with "-- +goose Up". It has no way
// back: restoring a backup is the way back.
package migrations
