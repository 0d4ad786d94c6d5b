package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

// A suspended account reads and does nothing else, from the next request on.
func TestSuspend(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	secret, _, err := f.CreateKey(ctx, identity.System, f.account, identity.Live, "erp")
	f.want(err, nil, "key")
	els := f.add("els", identity.Billing)
	token, _, err := f.signIn("an", password, "")
	f.want(err, nil, "sign in")
	billing, _, err := f.signIn("els", password, "")
	f.want(err, nil, "sign in")

	f.want(f.SuspendAccount(ctx, f.actor(f.admin), f.account, "x"), identity.ErrForbidden, "by its own administrator")
	f.want(f.SuspendAccount(ctx, identity.System, f.account, "x"), identity.ErrForbidden, "by nobody")
	f.want(f.SuspendAccount(ctx, f.operators[0], f.account, ""), identity.ErrInvalid, "without reason")
	f.want(f.SuspendAccount(ctx, f.operators[0], uuid.NewString(), "x"), identity.ErrNotFound, "no account")
	f.want(f.SuspendAccount(ctx, f.operators[0], f.operators[0].Account, "x"), identity.ErrOwnCase, "the own account")
	f.want(f.ResumeAccount(ctx, f.operators[0], f.account, "x"), identity.ErrMoved, "resume what goes on")
	if ok := f.storm(func(i int) error {
		return f.SuspendAccount(context.WithoutCancel(ctx), f.operators[i%3], f.account, "Faillissement.")
	}); ok != 1 {
		t.Errorf("suspended %d times", ok)
	}

	if _, err := f.AuthenticateKey(ctx, secret, ip); err == nil {
		t.Error("a key of a suspended account works")
	}
	f.want(f.authorise(f.actor(f.admin), identity.PowerSend), identity.ErrSuspended, "send")
	f.want(f.authorise(identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Account: f.account}, identity.PowerSend), identity.ErrSuspended, "send with a key")
	if s := must(f.Session(ctx, token))(t); s.Role != identity.Reader {
		t.Errorf("role %s, want reader", s.Role)
	}
	if s := must(f.Session(ctx, billing))(t); s.Role != identity.Billing {
		t.Errorf("billing became %s: it must never read messages", s.Role)
	}
	_, _, err = f.CreateKey(ctx, f.actor(f.admin), f.account, identity.Live, "x")
	f.want(err, identity.ErrSuspended, "new key")
	f.want(f.SetRole(ctx, f.actor(f.admin), f.account, els, identity.Reader), identity.ErrSuspended, "role")
	f.want(f.Invite(ctx, f.actor(f.admin), "x@y.example", identity.Reader, "nl"), identity.ErrSuspended, "invite")
	if facts := must(f.NoteFacts(ctx, f.last(identity.NoteAccountSuspended)))(t); facts.Reason != "Faillissement." || facts.Account != "Acme nv" {
		t.Errorf("told: %+v", facts)
	}
	_, err = f.NoteFacts(ctx, identity.Note{Kind: identity.NoteAccountResumed, Ref: f.account})
	f.want(err, identity.ErrStale, "resumed, which it is not")

	f.forward(time.Minute)
	f.want(f.ResumeAccount(ctx, f.operators[1], f.account, "Opgelost."), nil, "resume")
	f.want(f.authorise(f.actor(f.admin), identity.PowerSend), nil, "send again")
	if _, err := f.AuthenticateKey(ctx, secret, ip); err != nil {
		t.Errorf("key after the suspension: %v", err)
	}
	if acts := must(f.AccountActs(ctx, f.operators[2], f.account))(t); len(acts) != 2 || acts[1].Act != "account_resumed" || acts[0].Reason != "Faillissement." {
		t.Errorf("acts: %+v", acts)
	}
}

// What became of nothing goes, and so does what an erased company leaves.
func TestApplicationsSwept(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	f.file(f.applicant)
	a := f.brought(true)
	f.want(f.confirm(f.operators[0], a), nil, "approve")
	a = must(f.Application(ctx, f.applicant, a.ID))(t)
	f.forward(91 * 24 * time.Hour)
	f.want(f.Sweep(ctx), nil, "sweep")
	if n := f.count(`SELECT count(*) FROM application`); n != 1 {
		t.Errorf("%d applications, want the approved one", n)
	}
	boss := f.applicant
	boss.Account = a.Account
	f.want(f.CloseAccount(ctx, boss, a.Account), nil, "close")
	f.forward(46 * 24 * time.Hour)
	f.want(f.Sweep(ctx), nil, "sweep")
	if n := f.count(`SELECT (SELECT count(*) FROM application) + (SELECT count(*) FROM application_form) + (SELECT count(*) FROM mandate WHERE account_id = $1 AND family <> '')`, a.Account); n != 0 {
		t.Errorf("%d rows outlived the company", n)
	}

	open := f.file(f.applicant)
	f.want(f.CloseAccount(ctx, f.applicant, f.private), nil, "the applicant leaves")
	f.forward(46 * 24 * time.Hour)
	f.want(f.Sweep(ctx), nil, "sweep")
	f.want(f.Sweep(ctx), nil, "sweep")
	if n := f.count(`SELECT count(*) FROM application WHERE id = $1`, open.ID); n != 0 {
		t.Error("an application outlived its applicant")
	}
}
