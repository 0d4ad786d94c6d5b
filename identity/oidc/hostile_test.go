package oidc_test

import (
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
)

// refused is the sentinel and the reason, so that no fault is refused by accident.
type refused struct {
	as      error
	because string
}

func TestFinishRefusesAHostileProvider(t *testing.T) {
	t.Parallel()
	for fault, want := range map[identitytest.Fault]refused{
		identitytest.BareJWS:         {oidc.ErrToken, `not encrypted`},
		identitytest.BareClaims:      {oidc.ErrToken, `no RS256`},
		identitytest.InnerNone:       {oidc.ErrToken, `no RS256`},
		identitytest.InnerHS256:      {oidc.ErrToken, `no RS256`},
		identitytest.InnerNoKID:      {oidc.ErrToken, `no RS256`},
		identitytest.InnerUnknownKID: {oidc.ErrToken, `verify signature`},
		identitytest.ForeignSigner:   {oidc.ErrToken, `verify signature`},
		identitytest.UnknownKID:      {oidc.ErrToken, `unknown key`},
		identitytest.OtherKey:        {oidc.ErrToken, `does not decrypt`},
		identitytest.RSA15:           {oidc.ErrToken, `RSA1_5`},
		identitytest.OAEPSHA1:        {oidc.ErrToken, `"RSA-OAEP"`},
		identitytest.A256GCM:         {oidc.ErrToken, `A256GCM`},
		identitytest.Flipped:         {oidc.ErrToken, `does not decrypt`},
		identitytest.NoIDToken:       {oidc.ErrToken, `not encrypted`},
		identitytest.OwnKeyNamed:     {oidc.ErrToken, `verify signature`},
		identitytest.OwnKeyInside:    {oidc.ErrToken, `verify signature`},
		identitytest.Zipped:          {oidc.ErrToken, `compressed`},
		identitytest.TokenFat:        {oidc.ErrToken, `octets`},
		identitytest.AuthTimeText:    {oidc.ErrToken, `auth_time`},
		identitytest.WrongNonce:      {oidc.ErrToken, `nonce`},
		identitytest.NoNonce:         {oidc.ErrToken, `nonce`},
		identitytest.WrongIssuer:     {oidc.ErrToken, `different provider`},
		identitytest.WrongAudience:   {oidc.ErrToken, `expected audience`},
		identitytest.MoreAudiences:   {oidc.ErrToken, `others too`},
		identitytest.WrongParty:      {oidc.ErrToken, `azp`},
		identitytest.NoSubject:       {oidc.ErrToken, `no sub`},
		identitytest.Expired:         {oidc.ErrToken, `expired`},
		identitytest.NoExpiry:        {oidc.ErrToken, `expired`},
		identitytest.FutureIssue:     {oidc.ErrToken, `in the future`},
		identitytest.StaleIssue:      {oidc.ErrToken, `issued too long ago`},
		identitytest.StaleAuth:       {oidc.ErrToken, `identified too long ago`},
		identitytest.WrongAtHash:     {oidc.ErrToken, `at_hash`},
		identitytest.LowerACR:        {oidc.ErrLevel, `acr_basic`},
		identitytest.NoACR:           {oidc.ErrLevel, `acr ""`},
		identitytest.StrangeACR:      {oidc.ErrLevel, `unheard-of`},
		identitytest.NoFamilyName:    {oidc.ErrClaims, `no family name`},
		identitytest.BadNumber:       {oidc.ErrClaims, `national number`},
		identitytest.ControlInName:   {oidc.ErrClaims, `family name`},
		identitytest.TokenDown:       {oidc.ErrUnavailable, `503`},
		identitytest.TokenGarbage:    {oidc.ErrUnavailable, `not understood`},
		identitytest.TokenHuge:       {oidc.ErrUnavailable, `not understood`},
		identitytest.TokenRedirect:   {oidc.ErrUnavailable, `307`},
		identitytest.KeysDown:        {oidc.ErrUnavailable, `keys`},
		identitytest.KeysHuge:        {oidc.ErrUnavailable, `keys`},
		identitytest.RedirectIssuer:  {oidc.ErrState, `iss`},
		identitytest.RedirectNoIss:   {oidc.ErrState, `iss`},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.idp.SetFault(fault)
			p, err := r.identify()
			wantRefusal(t, p, err, want.as)
			if err != nil && (!strings.Contains(err.Error(), want.because) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error = %q, want one line because of %q", err, want.because)
			}
		})
	}
}

func TestFinishRefusesHostileUserInfo(t *testing.T) {
	t.Parallel()
	for fault, want := range map[identitytest.Fault]refused{
		identitytest.OtherSubject: {oidc.ErrToken, `somebody else`},
		identitytest.PlainInfo:    {oidc.ErrToken, `token`},
		identitytest.SignedInfo:   {oidc.ErrToken, `not encrypted`},
		identitytest.ForeignInfo:  {oidc.ErrToken, `verify`},
		identitytest.InfoForOther: {oidc.ErrToken, `for somebody else`},
		identitytest.InfoHuge:     {oidc.ErrUnavailable, `userinfo`},
		identitytest.InfoDown:     {oidc.ErrUnavailable, `503`},
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *oidc.Config) { c.UserInfo = true })
			r.idp.SetFault(fault)
			p, err := r.identify()
			wantRefusal(t, p, err, want.as)
			if err != nil && (!strings.Contains(err.Error(), want.because) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("error = %q, want one line because of %q", err, want.because)
			}
		})
	}
}
