package main

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// French sets a space that does not break before a double sign and inside its
// quotation marks, and an apostrophe that is none of a typewriter. Text messages
// cannot: GSM 03.38 has neither.
var typewritten = regexp.MustCompile(`\S [:;?!»]|« |[\p{L}]'[\p{L}{]`)

// A line that begins with a colon, or a question mark alone, is what a narrow page
// makes of a plain space.
func TestFrenchDoesNotBreakBeforeItsSigns(t *testing.T) {
	t.Parallel()
	lines := 0
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != repository):
			return filepath.SkipDir
		case filepath.Ext(path) != ".json":
			return nil
		}
		for n, line := range strings.Split(read(t, path), "\n") {
			key, text, _ := strings.Cut(line, `": "`)
			key = strings.TrimSpace(key)
			if d.Name() != "fr.json" && key != `"fr` || key == `"sms` {
				continue
			}
			if lines++; typewritten.MatchString(text) {
				t.Errorf("%s:%d: %s", path, n+1, strings.TrimSpace(line))
			}
		}
		return nil
	})
	if err != nil || lines < 2000 {
		t.Fatalf("%d lines read: %v", lines, err)
	}
}
