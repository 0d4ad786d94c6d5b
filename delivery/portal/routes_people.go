package portal

import "github.com/labstack/echo/v4"

// registerPeople puts the pages about people's own accounts on a router.
func (p *Portal) registerPeople(e *echo.Echo, form echo.MiddlewareFunc) {
	person := p.everyRole

	// Everybody.
	e.GET("/texts/:name", p.text, form)
	e.GET("/texts/:name/:version", p.text, form)
	e.GET(signUpPath, p.askSignUp, form)
	e.POST(signUpPath, p.signUp, form)
	e.GET(codesPath, p.askCodes, form)
	e.POST(codesPath, p.takeCodes, form)
	e.POST(signUpPath+"/send", p.sendCode, form)
	e.GET(resetPath, p.askForgot, form)
	e.POST(resetPath, p.forgot, form)
	e.GET(resetPath+"/:token", p.askReset, form)
	e.POST(resetPath+"/:token", p.reset, form)

	// Whoever is signed in, with whatever role.
	e.GET(dataPath, person(p.data), form)
	e.POST(dataPath+"/person", person(p.correct), form)
	e.POST(dataPath+"/account", person(p.correctAccount), form)
	e.POST(dataPath+"/consents/:id", person(p.withdraw), form)
	e.POST(dataPath+"/restrict", person(p.restrict), form)
	e.POST(dataPath+"/export", person(p.export), form)
	e.GET(contactsPath, person(p.contacts), form)
	e.POST(contactsPath, person(p.addContact), form)
	e.POST(contactsPath+"/confirm", person(p.confirmContact), form)
	e.POST(contactsPath+"/:id/online", person(p.preferOnline), form)
	e.POST(contactsPath+"/:id/remove", person(p.removeContact), form)
	e.GET("/portal/sessions", person(p.sessions), form)
	e.POST("/portal/sessions/others", person(p.signOutOthers), form)
	e.GET(leavePath, person(p.askLeave), form)
	e.POST(leavePath, person(p.leave), form)
}
