package pgtest

import "syscall"

// memory is the file system in memory that every Linux has.
const memory = "/dev/shm"

// roomInMemory says whether the servers of a few packages fit. A container often
// has 64 MB there; one server needs about 100 MB.
func roomInMemory() bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(memory, &st); err != nil {
		return false
	}
	const enough = 4 << 30 // bytes
	return st.Bavail*uint64(st.Bsize) >= enough
}
