package main

import (
	"crypto/rand"
	"fmt"
	"os"
)

// instanceID names this process where several share a database: jobs say who took
// them, and river_leader who leads. Containers may all have the same process id, and
// one process may be several of us in a test.
func instanceID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%.40s%s%.8s", host, instanceMark(os.Getpid()), rand.Text())
}

// instanceMark is the part of an instanceID that tells the process.
func instanceMark(pid int) string { return fmt.Sprintf("/%d/", pid) }
