package otp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity/otp"
	"github.com/bode-erds/bode/migrations/pgtest"
)

var start = time.Date(2026, 3, 29, 0, 59, 51, 123456000, time.UTC) // nine seconds before a 600 s step ends

type bundle struct {
	*testing.T
	pool     *pgxpool.Pool
	codes    *otp.Service
	delivery string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	pool := pgtest.New(t)
	s, err := otp.New(otp.Config{Pool: pool, Key: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &bundle{t, pool, s, uuid.NewString()}
}

func (b *bundle) issue(ch string, at time.Time) (c otp.Challenge, code string) {
	b.Helper()
	err := b.tx(func(tx pgx.Tx) (err error) {
		c, err = b.codes.Issue(b.Context(), tx, b.delivery, ch, at)
		return err
	})
	if err != nil {
		b.Fatalf("issue: %v", err)
	}
	if code, err = b.codes.Code(c); err != nil || len(code) != 6 {
		b.Fatalf("code %q, %v", code, err)
	}
	return c, code
}

func (b *bundle) tx(f func(pgx.Tx) error) error { return pgx.BeginFunc(b.Context(), b.pool, f) }

// check commits when the code is right and rolls back when it is not.
func (b *bundle) check(ch, code string, at time.Time) error {
	return b.tx(func(tx pgx.Tx) error { return b.codes.Check(b.Context(), tx, b.delivery, ch, code, at) })
}

func (b *bundle) want(got, want error, what string) {
	b.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wrong is a code that is not the right one.
func wrong(code string, n int) string {
	var i int
	fmt.Sscanf(code, "%d", &i)
	return fmt.Sprintf("%06d", (i+1+n)%1_000_000)
}

func TestLifetime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after time.Duration
		want  error
	}{
		{0, nil}, {9 * time.Second, nil}, {10 * time.Second, nil}, {otp.Validity - time.Microsecond, nil},
		{-time.Microsecond, otp.ErrCodeExpired}, {-time.Hour, otp.ErrCodeExpired},
		{otp.Validity, otp.ErrCodeExpired}, {otp.Validity + time.Microsecond, otp.ErrCodeExpired}, {24 * time.Hour, otp.ErrCodeExpired},
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, code := b.issue(otp.Email, start)
			b.want(b.check(otp.Email, code, start.Add(c.after)), c.want, "check")
		})
	}
}

func TestSingleUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, code := b.issue(otp.SMS, start)
	at := start.Add(time.Minute)
	if err := b.tx(func(tx pgx.Tx) error {
		if err := b.codes.Check(b.Context(), tx, b.delivery, otp.SMS, code, at); err != nil {
			return err
		}
		// In the same transaction too, and without waiting for itself.
		b.want(b.codes.Check(b.Context(), tx, b.delivery, otp.SMS, code, at), otp.ErrCodeUsed, "again in the transaction")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	b.want(b.check(otp.SMS, code, at), otp.ErrCodeUsed, "again")
	b.want(b.check(otp.SMS, wrong(code, 0), at), otp.ErrCodeUsed, "wrong one after use")
	if got, err := b.codes.Find(b.Context(), c.ID); err != nil || got.UsedAt == nil || got.Live(at) || !got.IssuedAt.Equal(start) {
		t.Errorf("found %+v, %v", got, err)
	}
}

func TestRollbackKeepsCodeButNotTry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, code := b.issue(otp.Email, start)
	boom := errors.New("boom")
	for range otp.MaxTries - 1 {
		err := b.tx(func(tx pgx.Tx) error {
			if err := b.codes.Check(b.Context(), tx, b.delivery, otp.Email, code, start); err != nil {
				return err
			}
			return boom
		})
		b.want(err, boom, "rolled back")
	}
	b.want(b.check(otp.Email, code, start), nil, "last try")
}

func TestTries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, code := b.issue(otp.Email, start)
	for _, malformed := range []string{"", "1", "12345", "1234567", "12345a", "１２３４５６", "-12345", "+12345", "12 34 5", "\x00" + code, code + "\x00", "0x1234", "' OR 1=1 --", "\xff\xff\xff\xff\xff\xff", strings.Repeat("1", 1<<16)} {
		err := b.check(otp.Email, malformed, start)
		if w, ok := errors.AsType[*otp.WrongCode](err); !ok || w.Left != otp.MaxTries {
			t.Errorf("%.20q: %v", malformed, err)
		}
	}
	for i := range otp.MaxTries {
		err := b.check(otp.Email, wrong(code, i), start)
		if w, ok := errors.AsType[*otp.WrongCode](err); !ok || w.Left != otp.MaxTries-1-i {
			t.Errorf("try %d: %v", i, err)
		}
	}
	b.want(b.check(otp.Email, code, start), otp.ErrTooManyTries, "right one after five wrong ones")
	b.want(b.check(otp.Email, "12345", start), otp.ErrTooManyTries, "malformed one after five wrong ones")
	_, fresh := b.issue(otp.Email, start.Add(time.Second))
	b.want(b.check(otp.Email, fresh[:3]+" - "+fresh[3:]+"\n", start.Add(time.Minute)), nil, "new code, typed loosely")
}

func TestBinding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.want(b.check(otp.Email, "123456", start), otp.ErrNoCode, "nothing asked")
	mail, mailCode := b.issue(otp.Email, start)
	_, smsCode := b.issue(otp.SMS, start)
	if mailCode == smsCode {
		t.Fatal("both channels carry one code")
	}
	b.want(b.check(otp.SMS, mailCode, start), otp.ErrCodeWrong, "mail's code as SMS")
	b.want(b.check(otp.Email, smsCode, start), otp.ErrCodeWrong, "SMS's code as mail")
	b.want(b.check("fax", mailCode, start), otp.ErrNoCode, "unknown channel")
	other := &bundle{t, b.pool, b.codes, uuid.NewString()}
	other.want(other.check(otp.Email, mailCode, start), otp.ErrNoCode, "other delivery")
	other.issue(otp.Email, start)
	other.want(other.check(otp.Email, mailCode, start), otp.ErrCodeWrong, "other delivery with a code of its own")
	bad := &bundle{t, b.pool, b.codes, "'; drop table code_challenge; --"}
	bad.want(bad.check(otp.Email, mailCode, start), otp.ErrNoCode, "no delivery")
	if _, err := b.codes.Find(t.Context(), "x"); !errors.Is(err, otp.ErrNoCode) {
		t.Error(err)
	}
	// A new code ends the old one, and only on its channel.
	_, again := b.issue(otp.Email, start.Add(time.Second))
	if old, err := b.codes.Find(t.Context(), mail.ID); err != nil || !old.Replaced || old.Live(start.Add(time.Second)) {
		t.Errorf("replaced one: %+v, %v", old, err)
	}
	b.want(b.check(otp.Email, mailCode, start.Add(time.Minute)), otp.ErrCodeWrong, "replaced code")
	b.want(b.check(otp.Email, again, start.Add(time.Minute)), nil, "latest code")
	b.want(b.check(otp.SMS, smsCode, start.Add(time.Minute)), nil, "other channel")
}

func TestTooManyCodes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range otp.MaxPerHour {
		b.issue(otp.Email, start.Add(time.Duration(i)*time.Minute))
	}
	ask := func(at time.Time) error {
		return b.tx(func(tx pgx.Tx) error {
			_, err := b.codes.Issue(b.Context(), tx, b.delivery, otp.Email, at)
			return err
		})
	}
	b.want(ask(start.Add(5*time.Minute)), otp.ErrTooManyCodes, "sixth")
	b.want(ask(start.Add(time.Hour-time.Microsecond)), otp.ErrTooManyCodes, "just within the hour")
	b.want(ask(start.Add(time.Hour)), nil, "after an hour")
	b.want(ask(start.Add(time.Hour)), otp.ErrTooManyCodes, "the next at once")
	b.issue(otp.SMS, start) // the other channel has its own count
	if _, err := b.codes.Find(t.Context(), uuid.NewString()); !errors.Is(err, otp.ErrNoCode) {
		t.Error(err)
	}
}

func TestParallelIssue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var mu sync.Mutex
	got := map[error]int{}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			err := b.tx(func(tx pgx.Tx) error {
				_, err := b.codes.Issue(context.WithoutCancel(b.Context()), tx, b.delivery, otp.Email, start)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			got[err]++
		})
	}
	wg.Wait()
	if got[nil] != otp.MaxPerHour || got[otp.ErrTooManyCodes] != 16-otp.MaxPerHour {
		t.Errorf("issued and refused: %v", got)
	}
}

// Sixteen at once with the right code: one gets in, on a pool smaller than that.
func TestParallelCheckRight(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, code := b.issue(otp.SMS, start)
	got := b.storm(func(int) string { return code })
	if got["ok"] != 1 || got["ok"]+got[otp.ErrCodeUsed.Error()]+got[otp.ErrTooManyTries.Error()] != 16 {
		t.Errorf("outcomes: %v", got)
	}
}

// Sixteen at once with different wrong codes: five are compared, whatever the
// callers' transactions do.
func TestParallelCheckWrong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, code := b.issue(otp.SMS, start)
	got := b.storm(func(i int) string { return wrong(code, i) })
	if got["wrong"] != otp.MaxTries || got[otp.ErrTooManyTries.Error()] != 16-otp.MaxTries {
		t.Errorf("outcomes: %v", got)
	}
	b.want(b.check(otp.SMS, code, start), otp.ErrTooManyTries, "right one afterwards")
}

func (b *bundle) storm(code func(int) string) map[string]int {
	b.Helper()
	ctx := b.Context()
	var mu sync.Mutex
	got := map[string]int{}
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			<-begin
			err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
				return b.codes.Check(ctx, tx, b.delivery, otp.SMS, code(i), start)
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				got["ok"]++
			case errors.Is(err, otp.ErrCodeWrong):
				got["wrong"]++
			default:
				got[err.Error()]++
			}
		})
	}
	close(begin)
	wg.Wait()
	return got
}

// Codes computed by another program from the description in RFC 6238 and ours.
func TestVectors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := otp.Challenge{ID: "0192f0c4-5b1e-7cc3-98a1-000000000002", Delivery: "0192f0c4-5b1e-7cc3-98a1-000000000001", IssuedAt: time.Unix(1774745991, 0)}
	for ch, want := range map[string][2]string{otp.Email: {"605007", "388764"}, otp.SMS: {"797612", "324049"}} {
		for i, step := range []time.Duration{0, otp.Validity} {
			c := c
			c.Channel, c.IssuedAt = ch, c.IssuedAt.Add(step)
			if got, err := b.codes.Code(c); got != want[i] || err != nil {
				t.Errorf("%s after %s: %s, %v, want %s", ch, step, got, err, want[i])
			}
		}
	}
}

func TestKeyMatters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, code := b.issue(otp.Email, start)
	same := 0
	for i := range 8 {
		s, err := otp.New(otp.Config{Pool: b.pool, Key: bytes.Repeat([]byte{byte(i)}, 32)})
		if err != nil {
			t.Fatal(err)
		}
		if other, _ := s.Code(c); other == code {
			same++
		}
		s.Close()
	}
	if same != 1 { // key 7 is ours
		t.Errorf("%d of 8 keys give the code", same)
	}
	for _, bad := range []otp.Config{{}, {Pool: b.pool}, {Pool: b.pool, Key: make([]byte, 31)}, {Key: make([]byte, 32)}} {
		if _, err := otp.New(bad); err == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

// Nothing in the database is the code or helps to compute it.
func TestNothingStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, code := b.issue(otp.Email, start)
	var row string
	err := b.pool.QueryRow(t.Context(), `SELECT c::text || y::text FROM code_challenge c JOIN code_try y ON y.challenge_id = c.id`).Scan(&row)
	if err != nil || strings.Contains(row, code) {
		t.Errorf("row %s holds %s (%v)", row, code, err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, _ := b.issue(otp.Email, start)
	for name, sql := range map[string]string{
		"code_challenge_channel":      `UPDATE code_challenge SET channel = 'fax' WHERE id = $1`,
		"code_challenge_short_lived":  `UPDATE code_challenge SET expires_at = issued_at + interval '11 minutes' WHERE id = $1`,
		"code_challenge_used_in_time": `UPDATE code_challenge SET used_at = expires_at WHERE id = $1`,
		"code_try_limit":              `UPDATE code_try SET tries = 6 WHERE challenge_id = $1`,
	} {
		if _, err := b.pool.Exec(t.Context(), sql, c.ID); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.tx(func(tx pgx.Tx) error { return b.codes.Forget(t.Context(), tx, b.delivery) }); err != nil {
		t.Error(err)
	}
	b.want(b.check(otp.Email, "123456", start), otp.ErrNoCode, "after forgetting")
}
