package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func TestProgramBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	exe := filepath.Join(dir, "bode")
	if programBeside(exe) != nil {
		t.Error("a program from nowhere")
	}
	if err := os.MkdirAll(filepath.Join(dir, programDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if programBeside(exe) != nil {
		t.Error("a program from an empty folder")
	}
	if err := os.WriteFile(filepath.Join(dir, programDir, portal.ProgramFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if programBeside(exe) == nil {
		t.Error("no program")
	}
}

// What browsers are told to believe is what the service itself believes.
func TestPublicAnchors(t *testing.T) {
	t.Parallel()
	a, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := a.WritePEM(dir); err != nil {
		t.Fatal(err)
	}
	want := a.Trust()
	want.Log, want.Witnesses, want.Quorum = "log+00000000+AA==", []string{"w1+00000000+AA==", "w2+00000000+AA=="}, 1
	public, err := publicAnchors(dir, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := evidence.ParseTrust([]byte(public.Seal), []byte(public.TSA), []byte(public.Log))
	if err != nil || !got.Seal.Equal(want.Seal) || !got.TSA.Equal(want.TSA) || got.Log != want.Log ||
		!reflect.DeepEqual(got.Witnesses, want.Witnesses) || got.Quorum != want.Quorum {
		t.Errorf("got %+v, %v", got, err)
	}
	if public, err := publicAnchors(dir, a.Trust()); err != nil || public.Log != "" {
		t.Errorf("without a log: %+v, %v", public, err)
	}
	if _, err := publicAnchors(t.TempDir(), want); err == nil {
		t.Error("anchors from an empty folder")
	}
}
