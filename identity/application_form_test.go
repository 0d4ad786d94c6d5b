package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

func TestAttachForm(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	ctx := t.Context()
	a := f.file(f.applicant)
	for what, c := range map[string]struct {
		pdf  []byte
		want string
	}{
		"nothing": {nil, "form missing"}, "no PDF": {[]byte("PK\x03\x04 something"), "form malformed"},
		"too large": {append([]byte("%PDF-1.7"), make([]byte, identity.MaxApprovalForm)...), "form too_long"},
	} {
		_, err := f.AttachForm(ctx, f.applicant, a.ID, c.pdf)
		if !errors.Is(err, identity.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	f.signatures.say(identity.SignedBy{}, errors.New("no answer from the responder"))
	_, err := f.AttachForm(ctx, f.applicant, a.ID, signedForm())
	f.want(err, identity.ErrUnchecked, "nobody could look")
	if n := f.count(`SELECT count(*) FROM application_form`); n != 0 {
		t.Fatal("a form was kept that was refused")
	}

	other := qualified()
	other.Organisation = "NTRBE-0403170701"
	nobody := qualified()
	nobody.Family = ""
	advanced := qualified()
	advanced.Qualified = false
	for what, c := range map[string]struct {
		pdf   []byte
		by    identity.SignedBy
		err   error
		state identity.ApplicationState
	}{
		"qualified":                    {signedForm(), qualified(), nil, identity.ApplicationSigned},
		"qualified, of no company":     {signedForm(), identity.SignedBy{Given: "Rita", Family: "Maes", Qualified: true}, nil, identity.ApplicationSigned},
		"for another enterprise":       {signedForm(), other, nil, identity.ApplicationChecking},
		"a seal of nobody":             {signedForm(), nobody, nil, identity.ApplicationChecking},
		"advanced":                     {signedForm(), advanced, nil, identity.ApplicationChecking},
		"signature does not hold":      {signedForm(), qualified(), identity.ErrNotSigned, identity.ApplicationChecking},
		"another document, qualified":  {[]byte("%PDF-1.7 another text, signed"), qualified(), nil, identity.ApplicationChecking},
		"our form, but nothing signed": {blank, qualified(), nil, identity.ApplicationChecking},
		"our form inside another":      {append([]byte("%PDF-1.7 hidden\n"), signedForm()...), qualified(), nil, identity.ApplicationChecking},
	} {
		f.signatures.say(c.by, c.err)
		if _, err := f.pool.Exec(ctx, `UPDATE application SET state = 'filed', form_id = NULL`); err != nil {
			t.Fatal(err)
		}
		got, err := f.AttachForm(ctx, f.applicant, a.ID, c.pdf)
		if err != nil || got.State != c.state {
			t.Errorf("%s: %s, %v, want %s", what, got.State, err, c.state)
		}
	}
	_, err = f.AttachForm(ctx, f.applicant, a.ID, signedForm())
	f.want(err, identity.ErrMoved, "while it is being decided on")
	if n := f.last(identity.NoteApplicationReceived); n.To != "lore@acme.example" || n.Ref != a.ID || n.Language != "nl" {
		t.Errorf("told: %+v", n)
	}
}

// Of many forms brought at once one is taken.
func TestAttachFormOnce(t *testing.T) {
	t.Parallel()
	f := setupFirm(t)
	a := f.file(f.applicant)
	ok := f.storm(func(int) error {
		_, err := f.AttachForm(context.WithoutCancel(t.Context()), f.applicant, a.ID, signedForm())
		return err
	})
	if n := f.count(`SELECT count(*) FROM application_form`); ok != 1 || n != 1 {
		t.Errorf("%d forms taken, %d kept", ok, n)
	}
}

func TestVATNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[[2]string]string{
		{"BE", "0671.516.647"}: "BE0671516647", {"BE", "be0671516647"}: "BE0671516647", {"BE", "0671516648"}: "", {"BE", "671516647"}: "",
		{"FR", "FR 83 404 833 048"}: "FR83404833048", {"FR", "IO404833048"}: "", {"NL", "004495445B01"}: "NL004495445B01", {"NL", "004495445A01"}: "",
		{"DE", "136695976"}: "DE136695976", {"DE", "13669597"}: "", {"LU", "LU26375245"}: "LU26375245", {"GR", "EL094259216"}: "EL094259216",
		{"GR", "GR094259216"}: "", {"AT", "U13585627"}: "ATU13585627", {"AT", "13585627"}: "", {"SE", "556188840401"}: "SE556188840401", {"SE", "556188840402"}: "",
		{"IE", "6388047V"}: "IE6388047V", {"ES", "ESX9999999X"}: "ESX9999999X", {"CH", "CHE-123.456.788"}: "CHE123456788", {"CH", "é"}: "", {"US", ""}: "",
		{"BE", strings.Repeat("0", 41)}: "", {"DE", "１３６６９５９７６"}: "",
	} {
		if got := identity.VATNumber(in[0], in[1]); got != want {
			t.Errorf("%s %q: %q, want %q", in[0], in[1], got, want)
		}
	}
}
