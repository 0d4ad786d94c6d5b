package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
)

func smsMessage(k notify.Kind, attempt int) notify.Message {
	return notify.Message{Text: "Bode: 418302", Attempt: attempt, Notice: notify.Notice{ID: fmt.Sprint(k, attempt), Kind: k, Channel: notify.SMS, To: "+32470123456"}}
}

// A code goes by the second provider when the first fails, at once, and never when
// the first may have it. What can wait is tried by the first again.
func TestSecondProviderOfSMS(t *testing.T) {
	t.Parallel()
	down := notifytest.FlowmailerFault{Lose: true, Status: 503}
	silent := notifytest.FlowmailerFault{Mute: true}
	refused := notifytest.FlowmailerFault{Lose: true, Status: 403}
	number := notifytest.FlowmailerFault{Lose: true, Status: 400, Body: `{"allErrors":[{"field":"recipientAddress"}]}`}
	cases := []struct {
		name    string
		fault   notifytest.FlowmailerFault
		m       notify.Message
		outcome notify.Outcome
		second  int
	}{
		{"a code, the first works", notifytest.FlowmailerFault{}, smsMessage(notify.Code, 1), notify.Sent, 0},
		{"a code, the first is down", down, smsMessage(notify.Code, 1), notify.Sent, 1},
		{"a code, the first refuses us", refused, smsMessage(notify.ContactCode, 1), notify.Sent, 1},
		{"a code, the first may have it", silent, smsMessage(notify.Code, 1), notify.Technical, 0},
		{"a code, the number does not exist", number, smsMessage(notify.Code, 1), notify.Permanent, 0},
		{"an announcement, the first is down", down, smsMessage(notify.Announcement, 1), notify.Temporary, 0},
		{"an announcement, the first is still down", down, smsMessage(notify.Announcement, 5), notify.Temporary, 0},
		{"an announcement, the first may have it", silent, smsMessage(notify.Announcement, 3), notify.Technical, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, second := notifytest.StartFlowmailer(), notifytest.StartFlowmailer()
			t.Cleanup(first.Close)
			t.Cleanup(second.Close)
			tx := openBoth(t, first, second)
			first.Fail(c.fault)
			r, _ := tx.transport.Deliver(t.Context(), c.m)
			if r.Outcome != c.outcome || len(second.Messages()) != c.second || r.InDoubt != c.fault.Mute {
				t.Errorf("%+v, %d by the second", r, len(second.Messages()))
			}
		})
	}
	t.Run("an announcement, nobody there for long", func(t *testing.T) {
		t.Parallel()
		first, second := notifytest.StartFlowmailer(), notifytest.StartFlowmailer()
		t.Cleanup(second.Close)
		tx := openBoth(t, first, second)
		first.Close()
		for attempt, want := range []notify.Outcome{notify.Temporary, notify.Temporary, notify.Sent} {
			if r, _ := tx.transport.Deliver(t.Context(), smsMessage(notify.Announcement, attempt+1)); r.Outcome != want {
				t.Errorf("attempt %d: %+v", attempt+1, r)
			}
		}
	})
}

func openBoth(t *testing.T, first, second *notifytest.Flowmailer) texting {
	t.Helper()
	secret := writeFile(t, filepath.Join(t.TempDir(), "secret"), "secret\n")
	conf := func(f *notifytest.Flowmailer) smsConfig {
		return smsConfig{Kind: "flowmailer", Account: f.Account, User: f.ClientID, Token: secret, From: "Bode", URL: f.URL(), Login: f.URL()}
	}
	tx, err := config{SMS: conf(first), SMS2: conf(second), Quiet: "none"}.openTexting(discard())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// The events of a provider find their way to the notice, through what a process
// runs.
func TestEventsOfSMSAreTaken(t *testing.T) {
	t.Parallel()
	f := notifytest.StartFlowmailer()
	t.Cleanup(f.Close)
	tx := openBoth(t, f, f)
	pool := pgtest.New(t)
	notices, err := notify.New(notify.Config{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	const id = "018f0000-0000-7000-8000-000000000001"
	m := smsMessage(notify.ContactCode, 1)
	m.Notice.ID = id
	if r, _ := tx.transport.Deliver(t.Context(), m); r.Outcome != notify.Sent {
		t.Fatalf("%+v", r)
	}
	for _, sql := range []string{
		`INSERT INTO notice (id, kind, channel, address, language, created_at, tries, not_before, closed_at, outcome)
		 VALUES ('` + id + `', 'contact_code', 'sms', '+32470123456', 'nl', now(), 1, now(), now(), 'sent')`,
		`INSERT INTO notify_attempt (notice_id, number, started_at, ended_at, outcome, told_at) VALUES ('` + id + `', 1, now(), now(), 'sent', now())`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	f.Happen(f.Messages()[0].ID, "DELIVERED", "")
	a := &app{pool: pool, notices: notices, out: outside{texting: tx}, log: discard()}
	stop := a.texts(t.Context())
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n == 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no report came")
		}
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM notify_report WHERE notice_id = $1 AND source = 'flowmailer' AND fact = 'delivered' AND rung = 2`, id).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSMSSettings(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		conf smsConfig
		want string
	}{
		"none":                {smsConfig{}, ""},
		"an address alone":    {smsConfig{URL: "https://sms.example"}, ""},
		"Flowmailer":          {smsConfig{Kind: "flowmailer", Account: "1", User: "u", Token: "f", From: "Bode"}, ""},
		"SMPP":                {smsConfig{Kind: "smpp", URL: "127.0.0.1:2775", User: "u", Token: "f"}, ""},
		"unknown":             {smsConfig{Kind: "fax"}, "sms2-kind"},
		"settings of nothing": {smsConfig{User: "u"}, "sms2-kind"},
		"http without":        {smsConfig{Kind: "http"}, "sms2-url"},
		"Flowmailer without":  {smsConfig{Kind: "flowmailer"}, "sms2-account sms2-user sms2-token sms2-from"},
		"SMPP without":        {smsConfig{Kind: "smpp"}, "sms2-url sms2-user sms2-token"},
	}
	for name, c := range cases {
		var said []string
		c.conf.validate("sms2-", func(ok bool, setting, _ string) {
			if !ok {
				said = append(said, setting)
			}
		})
		if got := strings.Join(said, " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	open := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(open, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]config{
		"a secret that others read": {SMS: smsConfig{URL: "https://sms.example", Token: open}},
		"no provider":               {},
		"roots that are none":       {SMS: smsConfig{URL: "https://sms.example", CA: open}},
		"roots that are not there":  {SMS: smsConfig{URL: "https://sms.example", CA: open + ".pem"}},
		"in clear":                  {SMS: smsConfig{Kind: "smpp", URL: "smsc.example:2775", User: "u", Plain: true}},
		"quiet hours":               {SMS: smsConfig{URL: "https://sms.example"}, Quiet: "at night"},
	} {
		if _, err := c.openTexting(discard()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
