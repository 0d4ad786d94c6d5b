package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/evidence"
)

// programDir is the folder beside our executable that holds the verifier for
// browsers. The Makefile makes both, so that the one is never older than the other.
const programDir = "verify"

// browserVerifier is the verifier for browsers and whom it believes: the same as
// we do. Nil when there is none: then the page sends files to us.
func browserVerifier(o outside) (fs.FS, portal.Anchors, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, portal.Anchors{}, err
	}
	program := programBeside(exe)
	if program == nil {
		return nil, portal.Anchors{}, nil
	}
	public, err := publicAnchors(o.trustDir, o.engine.Trust)
	return program, public, err
}

func programBeside(exe string) fs.FS {
	dir := filepath.Join(filepath.Dir(exe), programDir)
	if _, err := os.Stat(filepath.Join(dir, portal.ProgramFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.DirFS(dir) // what is wrong with it, the portal says
}

// publicAnchors are the anchors in dir, with the log that t believes.
func publicAnchors(dir string, t evidence.Trust) (a portal.Anchors, err error) {
	for name, into := range map[string]*string{evidence.SealAnchors: &a.Seal, evidence.TSAAnchors: &a.TSA} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return a, err
		}
		*into = string(b)
	}
	if t.Log == "" {
		return a, nil
	}
	a.Log = t.Log + "\n"
	for _, w := range t.Witnesses {
		a.Log += "witness " + w + "\n"
	}
	if t.Quorum > 0 {
		a.Log += "quorum " + strconv.Itoa(t.Quorum) + "\n"
	}
	return a, nil
}
