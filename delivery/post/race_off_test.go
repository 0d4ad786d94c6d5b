//go:build !race

package post

const raceEnabled = false // the race detector makes everything slower
