//go:build race

package xades

const raceDetector = true
