package migrations

// ApplyFS is Apply with other files.
var ApplyFS = apply

// LockKey is the advisory lock of a migration.
const LockKey = lockKey
