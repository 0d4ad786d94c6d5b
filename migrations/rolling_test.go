package migrations

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// released is the last migration of the release before: its programs still run while
// those after it are applied.
const released = 43

// breaking are statements under which a program of the release before no longer
// reads or writes. They wait for the release after the one that stopped using what
// they take away.
var breaking = map[string]*regexp.Regexp{
	"drops what it reads":         regexp.MustCompile(`(?i)\bDROP\s+(TABLE|COLUMN|VIEW|FUNCTION|TYPE|SEQUENCE)\b`),
	"renames":                     regexp.MustCompile(`(?i)\bRENAME\s+(TO|COLUMN|CONSTRAINT)\b`),
	"changes a type":              regexp.MustCompile(`(?i)\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b`),
	"wants what it does not give": regexp.MustCompile(`(?i)\bSET\s+NOT\s+NULL\b`),
	"takes rights or rows":        regexp.MustCompile(`(?i)\bREVOKE\b|\bFORCE\s+ROW\s+LEVEL\s+SECURITY\b|\bTRUNCATE\b`),
}

// newColumn is one that an INSERT of the release before leaves out.
var newColumn = regexp.MustCompile(`(?is)\bADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?\w+\s+[^,;]*`)

// faultsOfRolling says what of a migration the release before would not survive.
func faultsOfRolling(sql string) (faults []string) {
	sql = comment.ReplaceAllString(sql, "")
	for what, is := range breaking {
		if is.MatchString(sql) {
			faults = append(faults, what)
		}
	}
	for _, c := range newColumn.FindAllString(sql, -1) {
		if up := strings.ToUpper(c); strings.Contains(up, "NOT NULL") && !strings.Contains(up, "DEFAULT") && !strings.Contains(up, "GENERATED") {
			faults = append(faults, "wants what it does not give: "+c)
		}
	}
	return faults
}

var comment = regexp.MustCompile(`(?m)--.*$`)

// TestReleaseBeforeGoesOn holds the rule of docs/operations.md: migrate first,
// replace processes afterwards.
func TestReleaseBeforeGoesOn(t *testing.T) {
	t.Parallel()
	all, err := files(embedded)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.version <= released {
			continue
		}
		text, err := fs.ReadFile(embedded, f.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faultsOfRolling(string(text)) {
			t.Errorf("%s: a program of the release before still runs, and this %s", f.name, fault)
		}
	}
}

// TestRollingRule holds that the rule sees what it is for, and nothing else.
func TestRollingRule(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]int{
		"DROP TABLE draft;":                                                  1,
		"ALTER TABLE message DROP COLUMN body;":                              1,
		"ALTER TABLE message RENAME COLUMN body TO text;":                    1,
		"ALTER TABLE message RENAME TO letter;":                              1,
		"ALTER TABLE message ALTER COLUMN number TYPE bigint;":               1,
		"ALTER TABLE message ALTER COLUMN number SET NOT NULL;":              1,
		"ALTER TABLE message ADD COLUMN colour text NOT NULL;":               1,
		"ALTER TABLE message FORCE ROW LEVEL SECURITY;":                      1,
		"REVOKE SELECT ON message FROM PUBLIC;":                              1,
		"ALTER TABLE message ADD COLUMN colour text NOT NULL DEFAULT 'red';": 0,
		"ALTER TABLE message ADD COLUMN colour text;":                        0,
		"CREATE TABLE colour (name text NOT NULL);":                          0,
		"ALTER TABLE notice DROP CONSTRAINT notice_kind_known;":              0,
		"DROP INDEX charge_open; -- DROP TABLE charge":                       0,
	} {
		if got := faultsOfRolling(sql); len(got) != want {
			t.Errorf("%s: %q, want %d", sql, got, want)
		}
	}
}
