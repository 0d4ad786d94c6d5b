package submission

import (
	"bytes"
	"errors"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/identity"
)

// AuthMechanisms lists how a key can be shown.
func (x *session) AuthMechanisms() []string {
	return []string{sasl.Plain, sasl.Login, sasl.OAuthBearer}
}

// Auth begins an exchange. The library offers it over TLS or loopback only.
func (x *session) Auth(mechanism string) (sasl.Server, error) {
	if x.base.spent() {
		return nil, errTooMany
	}
	switch mechanism {
	case sasl.Plain:
		return &plain{check: x.signIn}, nil
	case sasl.Login:
		return &login{check: x.signIn}, nil
	case sasl.OAuthBearer:
		return &oauth{check: x.signIn}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

var (
	errTooMany = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too_many_attempts"}
	errNoKey   = &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "authentication_required"}
	errSASL    = &smtp.SMTPError{Code: 501, EnhancedCode: smtp.EnhancedCode{5, 5, 2}, Message: "malformed_response"}
	errLater   = &smtp.SMTPError{Code: 454, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "try_again_later"}
)

// signIn checks a key. Wrong keys are counted over the whole connection, and over
// all connections from where they come; while that pauses, none is looked at.
func (x *session) signIn(secret string) error {
	who := names(x.base.ip, secret)
	if x.s.brake.pausing(who) {
		x.base.hangUp()
		return errTooMany
	}
	_, err := x.s.Identity.AuthenticateKey(x.s.ctx, secret, x.base.ip)
	switch {
	case errors.Is(err, identity.ErrKey):
		x.s.brake.wrong(who)
		return x.wrong()
	case err != nil:
		x.s.Log.ErrorContext(x.s.ctx, "smtp sign-in", "ip", x.base.ip, "err", err)
		return errLater
	}
	x.mu.Lock()
	x.secret = secret
	x.mu.Unlock()
	x.base.end(false)
	return nil
}

func (x *session) wrong() error {
	if x.base.wrong.Add(1) < maxWrong {
		return smtp.ErrAuthFailed
	}
	x.s.Log.WarnContext(x.s.ctx, "smtp: too many wrong keys", "ip", x.base.ip)
	x.base.hangUp()
	return errTooMany
}

// plain is RFC 4616. An identity to act as is refused: a key acts as itself.
type plain struct{ check func(string) error }

func (p *plain) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return []byte{}, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return nil, true, errSASL
	}
	return nil, true, p.check(string(parts[2]))
}

// login is the mechanism of old clients, which no RFC describes.
type login struct {
	check func(string) error
	named bool
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil && !l.named:
		return []byte("Username:"), false, nil
	case !l.named:
		l.named = true
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(string(response))
}
