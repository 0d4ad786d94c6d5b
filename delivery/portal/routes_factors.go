package portal

import (
	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// anyRole is for pages about the visitor rather than the account.
const anyRole identity.Role = ""

// registerFactors puts the pages about signing in on a router.
func (p *Portal) registerFactors(e *echo.Echo, form echo.MiddlewareFunc) {
	person := p.as(anyRole)

	// Everybody.
	e.GET(recoverPath, p.askRecovery, form)
	e.POST(recoverPath, p.beginRecovery, form)
	e.GET(recoverPath+"/wait", p.waitRecovery, form)
	e.GET(recoverPath+"/go/:token", p.recoveryByLink, form)
	e.GET(recoverPath+"/password", p.askRecoveryPassword, form)
	e.POST(recoverPath+"/password", p.recovered, form)
	e.GET(stopPath+":token", p.askStopRecovery, form)
	e.POST(stopPath+":token", p.stopRecovery, form)

	// Whoever is signed in, with whatever role.
	e.GET("/portal/again", person(p.askAgain), form)
	e.POST("/portal/again", person(p.proveAgain), form)
	e.GET("/portal/password", person(p.askPassword), form)
	e.POST("/portal/password", person(p.changePassword), form)
	e.GET("/portal/factors", person(p.factors), form)
	e.POST("/portal/factors/authenticator", person(p.beginAuthenticator), form)
	e.GET("/portal/factors/authenticator", person(p.authenticator), form)
	e.GET("/portal/factors/authenticator/qr.png", person(p.authenticatorQR), form)
	e.POST("/portal/factors/authenticator/confirm", person(p.confirmAuthenticator), form)
	e.POST("/portal/factors/authenticator/remove", person(p.removeAuthenticator), form)
	e.POST("/portal/factors/codes", person(p.renewCodes), form)
	e.POST("/portal/factors/recovery/stop", person(p.stopOwnRecovery), form)
	e.GET("/portal/factors/passkeys/:id", person(p.askPasskey), form)
	e.POST("/portal/factors/passkeys/:id", person(p.renamePasskey), form)
	e.POST("/portal/factors/passkeys/:id/remove", person(p.removePasskey), form)
	if p.Passkeys == nil {
		return
	}
	e.POST("/portal/sign-in/passkey", p.beginPasskey, form)
	e.POST("/portal/sign-in/passkey/answer", p.signInByPasskey, form)
	e.POST("/portal/again/passkey", person(p.beginAgainPasskey), form)
	e.POST("/portal/again/passkey/answer", person(p.proveAgainByPasskey), form)
	e.POST("/portal/factors/passkeys", person(p.beginAddPasskey), form)
	e.POST("/portal/factors/passkeys/answer", person(p.addPasskey), form)
}
