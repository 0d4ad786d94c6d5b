package portal

import (
	"embed"

	"github.com/bode-erds/bode/delivery/web"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed words
var wordFiles embed.FS

// Portal answers for the pages of senders. Safe for concurrent use.
type Portal struct {
	Config
	program map[string]programFile // by path; empty without a verifier for browsers
	guesses *guesses               // of check codes
	looks   chan struct{}          // at documents that anybody brings, under way
}

// New gives the pages and words to web and returns a Portal.
func New(cfg Config) (*Portal, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	program, err := readProgram(cfg.Program, cfg.Anchors)
	if err != nil {
		return nil, err
	}
	return &Portal{cfg, program, newGuesses(), make(chan struct{}, maxLooks)}, cfg.Web.AddFace("portal", wordFiles, pageFiles)
}

// frame is what the data of every page holds: its faults and its header.
type frame struct {
	web.Faults
	chrome web.Chrome
}

// Chrome implements the header of a page.
func (f frame) Chrome() web.Chrome { return f.chrome }

// public is the frame of a page for everybody.
func public(here string) frame {
	nav := []web.Link{{Key: "nav.verify", URL: "/verify"}, {Key: "nav.notice", URL: "/notice"}, {Key: "nav.sign_in", URL: "/portal"}}
	for i := range nav {
		nav[i].Here = nav[i].URL == here
	}
	return frame{chrome: web.Chrome{Nav: nav}}
}
