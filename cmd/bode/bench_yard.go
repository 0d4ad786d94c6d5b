package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/migrations/pgproc"
)

// The yardstick is pgbench on the same server, on copies of the same tables with
// their indexes and checks (but no triggers and foreign keys), inserting rows
// taken from a real submission.
type yardstick struct {
	bin     string
	env     []string
	dir     string
	clients int
	base    int64 // tells the rows of one run from the next
}

const (
	yardPlain     = "plain.sql"     // a statement per round trip
	yardPipelined = "pipelined.sql" // the whole transaction in one round trip
)

// openYardstick makes tables and scripts from the shape of a submission.
func openYardstick(ctx context.Context, b *bench, shape submissionShape, clients int) (*yardstick, error) {
	found, err := pgproc.Find(ctx, pgproc.Search{})
	if err != nil {
		return nil, err
	}
	y := &yardstick{dir: b.dir, bin: filepath.Join(found.Dir, "pgbench"), clients: clients, base: time.Now().Unix() << 24}
	if _, err := os.Stat(y.bin); err != nil {
		if y.bin, err = exec.LookPath("pgbench"); err != nil {
			return nil, errors.New("pgbench is needed as the yardstick; install PostgreSQL's contributed programs")
		}
	}
	cfg, err := pgx.ParseConfig(b.server.URL())
	if err != nil {
		return nil, err
	}
	y.env = append(os.Environ(), "PGHOST="+cfg.Host, "PGPORT="+strconv.Itoa(int(cfg.Port)), "PGUSER="+cfg.User,
		"PGPASSWORD="+cfg.Password, "PGDATABASE="+cfg.Database)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, shape.tables()); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		yardPlain:     "\\set x :base + :n * 1024 + :client_id\n\\set n :n + 1\nBEGIN;\n" + strings.Join(shape.script, "\n") + "\nCOMMIT;\n",
		yardPipelined: "\\set x :base + :n * 1024 + :client_id\n\\set n :n + 1\n\\startpipeline\nBEGIN;\n" + strings.Join(shape.script, "\n") + "\nCOMMIT;\n\\endpipeline\n",
	} {
		if err := os.WriteFile(filepath.Join(y.dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return y, nil
}

var (
	pgbenchRate   = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	pgbenchFailed = regexp.MustCompile(`(?m)^number of failed transactions: 0 `)
	pgbenchMean   = regexp.MustCompile(`(?m)^latency average = ([0-9.]+ ms)`)
)

// run presses the server for d and returns a note and the rate.
func (y *yardstick) run(ctx context.Context, script string, d time.Duration) (string, float64, error) {
	y.base += 1 << 32
	cmd := exec.CommandContext(ctx, y.bin, "--no-vacuum", "--protocol=prepared", "--file="+filepath.Join(y.dir, script),
		"--client="+strconv.Itoa(y.clients), "--jobs=2", "--time="+strconv.Itoa(max(1, int(d.Seconds()))),
		"--define=n=0", "--define=base="+strconv.FormatInt(y.base, 10))
	cmd.Env = y.env
	out, err := cmd.CombinedOutput()
	m := pgbenchRate.FindSubmatch(out)
	if err != nil || m == nil || !pgbenchFailed.Match(out) {
		return "", 0, fmt.Errorf("pgbench: %w: %s", cmp.Or(err, errors.New("failed transactions")), out)
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	note := ""
	if m := pgbenchMean.FindSubmatch(out); m != nil {
		note = "mean " + string(m[1])
	}
	return note, rate, err
}

// column is one column of a table that a submission writes.
type column struct {
	name, kind string
	sample     *string // as a literal, nil for NULL
	unique     bool    // must differ from row to row
	computed   bool    // its default is a function: left to the table
}

// value is the expression that pgbench inserts: what a real row had, except
// where rows must differ. :x grows, as the real ids do; k tells apart the rows
// of one statement.
func (c column) value(k int) string {
	x := fmt.Sprintf("(:x::bigint*8+%d)", k)
	switch {
	case c.unique && c.kind == "uuid":
		return "lpad(to_hex(" + x + "),32,'0')::uuid"
	case c.unique && c.kind == "text":
		return x + "::text"
	case c.unique && c.kind == "bytea":
		return "sha256(int8send(" + x + "))"
	case c.sample == nil:
		return "NULL"
	}
	return *c.sample
}

// insert is the statement that adds rows to the yardstick's copy of a table.
func insert(table string, columns []column, rows int) string {
	var names []string
	tuples := make([]string, rows)
	for k := range tuples {
		var values []string
		for _, c := range columns {
			if c.computed {
				continue
			}
			if k == 0 {
				names = append(names, c.name)
			}
			values = append(values, c.value(k))
		}
		tuples[k] = "(" + strings.Join(values, ",") + ")"
	}
	return fmt.Sprintf("INSERT INTO yard.%s (%s) VALUES %s;", table, strings.Join(names, ","), strings.Join(tuples, ","))
}

const sqlColumns = `
SELECT a.attname, format_type(a.atttypid, NULL),
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey)),
       coalesce(pg_get_expr(d.adbin, d.adrelid), '') ~ '\('
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.oid = $1::regclass ORDER BY a.attnum`

// columnsOf reads the columns of a table with the values of its newest row.
func columnsOf(ctx context.Context, pool *pgxpool.Pool, table string) ([]column, error) {
	rows, err := pool.Query(ctx, sqlColumns, table)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (c column, err error) {
		err = r.Scan(&c.name, &c.kind, &c.unique, &c.computed)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		name := pgx.Identifier{c.name}.Sanitize()
		list[i].name = name
		// One line, and no colon that pgbench would take for a variable.
		err := pool.QueryRow(ctx, `SELECT CASE WHEN `+name+` IS NULL THEN NULL ELSE
			'convert_from(decode(''' || encode(convert_to(`+name+`::text, 'UTF8'), 'hex') || ''',''hex''),''UTF8'')::`+c.kind+`' END
			FROM `+table+` ORDER BY ctid DESC LIMIT 1`).Scan(&list[i].sample)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", table, c.name, err)
		}
	}
	return list, nil
}
