package portal

import (
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// Bounds of a request: a form of text, and one that carries documents.
const (
	formSize   = 8 << 20
	formTime   = time.Minute
	uploadSize = 4 << 30
	uploadTime = 2 * time.Hour
	verifySize = 64<<20 + 1<<20 // a document to verify, and the form around it
	verifyTime = time.Minute
	maxLooks   = 4 // documents that anybody brings, in memory at the same time
)

// Register puts the pages on a router of web.
func (p *Portal) Register(e *echo.Echo) error {
	form, upload, verify := p.Web.Limits(formSize, formTime), p.Web.Limits(uploadSize, uploadTime), p.Web.Limits(verifySize, verifyTime)
	reader, sender := p.as(identity.Reader), p.as(identity.Sender)

	// Everybody.
	e.GET("/", p.home, form)
	e.GET("/privacy", p.privacy, form)
	p.registerPublic(e, form)
	e.GET("/notice", p.askNotice, form)
	e.POST("/notice", p.checkNotice, form)
	e.GET("/verify", p.askVerify, form, p.Web.MayWork)
	e.POST("/verify", p.verify, verify, p.Web.MayWork)
	for _, path := range []string{scriptPath, programPath, trustPath} {
		e.GET(path, p.serveProgram, form)
	}
	e.GET(workerPath, p.serveProgram, form, p.Web.Worker)
	e.GET("/portal/sign-in", p.askSignIn, form)
	e.POST("/portal/sign-in", p.signIn, form)
	e.POST("/portal/sign-out", p.signOut, form)
	p.registerPeople(e, form)

	// Readers of the account.
	e.GET("/portal", p.everyRole(p.start), form)
	e.GET("/portal/messages/:id", reader(p.message), form)
	e.GET("/portal/deliveries/:id", reader(p.timeline), form)
	e.GET("/portal/deliveries/:id/dossier", reader(p.dossier), upload)
	e.GET("/portal/deliveries/:id/letter", reader(p.letter), upload)
	e.GET("/portal/deliveries/:id/papers/:n", reader(p.paper), upload)
	e.GET("/portal/evidence/:file", reader(p.evidence), form)
	e.GET("/portal/account", p.everyRole(p.account), form)
	e.POST("/portal/account/switch", p.everyRole(p.switchAccount), form)
	e.GET(inboxPath, p.everyRole(p.inbox), form)
	e.GET(inboxPath+"/:id", p.everyRole(p.inbox), form) // reached by reloading after a sign-in
	e.POST(inboxPath+"/:id", p.everyRole(p.openInbox), form)
	e.GET(identifyPath, p.everyRole(p.askIdentity), form)
	e.POST(identifyPath, p.everyRole(p.proveIdentity), form)

	p.registerLists(e, form)
	p.registerFactors(e, form)
	p.registerCompanies(e, form)
	p.registerCredits(e, form)
	p.registerDrafts(e, form)
	p.registerBatches(e, form)

	// Those who may send.
	e.GET("/portal/new", sender(p.write), form)
	e.POST("/portal/new", sender(p.rewrite), upload)
	e.GET("/portal/send", sender(p.writeToSend), form) // reached by reloading after a sign-in
	e.POST("/portal/send", sender(p.send), form)
	e.GET("/portal/messages/:id/cancel", sender(p.askCancel), form)
	e.POST("/portal/messages/:id/cancel", sender(p.cancel), form)
	e.POST("/portal/deliveries/:id/proposals/:proposal", sender(p.answerProposal), form)

	p.registerKeys(e, form)
	p.registerWebhooks(e, form)
	p.registerOperators(e, form)
	return nil
}
