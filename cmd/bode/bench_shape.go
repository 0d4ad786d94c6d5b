package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// submissionShape is what the server saw of one submission.
type submissionShape struct {
	statements []string // between BEGIN and COMMIT, shortened
	around     int      // statements of the request outside the transaction
	script     []string // as many statements for pgbench
	written    []string // tables, each once
}

// tables makes the yardstick's copies.
func (s submissionShape) tables() string {
	var b strings.Builder
	b.WriteString("CREATE SCHEMA yard;\n")
	for _, t := range s.written {
		fmt.Fprintf(&b, "CREATE TABLE yard.%s (LIKE public.%s INCLUDING ALL);\n", t, t)
	}
	return b.String()
}

// observed is how many submissions are sent to the server that logs them. The
// last is looked at: by then everything is prepared and cached.
const observed = 5

// observeSubmission sends a few messages to a server that logs every statement,
// and reads the log.
func observeSubmission(ctx context.Context, log *slog.Logger) (shape submissionShape, err error) {
	b, err := openBench(ctx, log, map[string]string{"log_statement": "all", "log_line_prefix": "[%p] "})
	if err != nil {
		return shape, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s, err := b.subject(ctx, "bode", b.server.URL(), "--keys", "1")
	if err != nil {
		return shape, err
	}
	run, err := newSubmissions(s, 1)
	if err != nil {
		return shape, errors.Join(err, s.Close())
	}
	for i := range observed {
		if _, err := press(ctx, s.BaseURL, 1, 0, 201, func(int, int) []byte { return run.request(0, i) }); err != nil {
			return shape, errors.Join(err, s.Close())
		}
	}
	if err := s.Close(); err != nil {
		return shape, err
	}
	pool, err := openBenchPool(ctx, b.server.URL())
	if err != nil {
		return shape, err
	}
	defer pool.Close()
	file, err := os.Open(filepath.Join(b.dir, "postgres", "server.log"))
	if err != nil {
		return shape, err
	}
	defer file.Close()
	all, err := readStatements(file)
	if err != nil {
		return shape, err
	}
	statements, around := lastSubmission(all)
	if len(statements) == 0 {
		return shape, errors.New("the server's log shows no submission")
	}
	shape.around = around
	statements = slices.DeleteFunc(statements, setting)
	tables := make([]string, len(statements))
	for i, text := range statements {
		shape.statements = append(shape.statements, shorten(text))
		if m := insertsInto.FindStringSubmatch(text); m != nil {
			tables[i] = m[1]
		}
	}
	for i, t := range tables {
		if t == "" {
			shape.script = append(shape.script, "SELECT 1;") // cheaper than what it stands for
			continue
		}
		if !slices.Contains(shape.written, t) {
			shape.written = append(shape.written, t)
		}
		var total int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM `+t).Scan(&total); err != nil {
			return shape, err
		}
		columns, err := columnsOf(ctx, pool, t)
		if err != nil {
			return shape, err
		}
		shape.script = append(shape.script, insert(t, columns, share(total/observed, tables, i)))
	}
	return shape, nil
}

// share divides the rows that a submission adds to a table over its statements
// on that table: one each, and what is left to the last.
func share(rows int, tables []string, i int) int {
	before, after := 0, 0
	for j, t := range tables {
		if t == tables[i] && j < i {
			before++
		}
		if t == tables[i] && j > i {
			after++
		}
	}
	if after > 0 {
		return 1
	}
	return max(1, rows-before)
}

// statement is one line of the server's log.
type statement struct{ process, text string }

var (
	logLine     = regexp.MustCompile(`^\[(\d+)\] (?:LOG|DETAIL|ERROR|WARNING|NOTICE|HINT|STATEMENT):  (.*)$`)
	logExecuted = regexp.MustCompile(`^(?:statement|execute [^:]*): ?(.*)$`)
	insertsInto = regexp.MustCompile(`(?is)\bINSERT INTO\s+(?:"?\w+"?\.)?"?(\w+)"?`)
)

// readStatements reads what a server with log_statement = all executed.
func readStatements(r io.Reader) (all []statement, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	open := false // whether the next unprefixed line belongs to the last statement
	for lines.Scan() {
		line := lines.Text()
		if m := logLine.FindStringSubmatch(line); m != nil {
			run := logExecuted.FindStringSubmatch(m[2])
			if open = run != nil; open {
				all = append(all, statement{m[1], run[1]})
			}
		} else if open {
			all[len(all)-1].text += "\n" + line
		}
	}
	return all, lines.Err()
}

// lastSubmission finds the last transaction that inserts a message, and counts
// the statements that all connections ran outside of it since the one before.
func lastSubmission(all []statement) (inside []string, around int) {
	var spans [][2]int // of BEGIN and COMMIT
	begun := map[string]int{}
	hit := map[string]bool{}
	for i, s := range all {
		switch strings.ToLower(strings.Fields(s.text + " ?")[0]) {
		case "begin":
			begun[s.process], hit[s.process] = i, false
		case "commit":
			if hit[s.process] {
				spans = append(spans, [2]int{begun[s.process], i})
			}
			hit[s.process] = false
		default:
			if m := insertsInto.FindStringSubmatch(s.text); m != nil && m[1] == "message" {
				hit[s.process] = true
			}
		}
	}
	if len(spans) < 2 {
		return nil, 0
	}
	// From after one commit to after the next is one request, with the reads that
	// answer the request before it.
	last, before := spans[len(spans)-1], spans[len(spans)-2]
	for i := last[0] + 1; i < last[1]; i++ {
		if all[i].process == all[last[0]].process {
			inside = append(inside, all[i].text)
		}
	}
	return inside, last[1] - before[1] - len(inside) - 2
}

// setting reports whether a statement only says how those after it are to run: no
// work of a submission, which the yardstick would have to do as well.
func setting(text string) bool { return strings.HasPrefix(text, "SELECT set_config(") }

// shorten is a statement on one line that fits a terminal.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return text
}
