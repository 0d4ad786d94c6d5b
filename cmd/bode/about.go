package main

import (
	_ "embed"
	"fmt"
	"net/mail"
	"os"
	"strings"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/evidence"
)

// aboutConfig is what public pages say of the provider besides its name.
type aboutConfig struct {
	Email      string   `help:"Address that people with a question write to." env:"BODE_ABOUT_EMAIL"`
	Phone      string   `help:"Number that they call, as people write it." env:"BODE_ABOUT_PHONE"`
	Address    []string `help:"Lines of the postal address." env:"BODE_ABOUT_ADDRESS"`
	Security   string   `help:"Where weaknesses are reported, mailto: or https:; empty: no security.txt." env:"BODE_ABOUT_SECURITY"`
	Processors string   `help:"JSON file that fills the register of sub-processors when it is empty." type:"path" env:"BODE_ABOUT_PROCESSORS"`
}

func (c aboutConfig) validate(need func(ok bool, setting, why string)) {
	_, err := mail.ParseAddress(c.Email)
	need(c.Email == "" || err == nil, "about-email", "an e-mail address")
	need(c.Security == "" || strings.HasPrefix(c.Security, "mailto:") || strings.HasPrefix(c.Security, "https://"), "about-security", "mailto: or https:")
}

// about is the whole of it.
func (c config) about() (portal.About, error) {
	a := portal.About{Address: c.About.Address, Email: c.About.Email, Phone: c.About.Phone, Security: c.About.Security}
	if c.About.Processors == "" {
		return a, nil
	}
	raw, err := os.ReadFile(c.About.Processors)
	if err == nil {
		a.Processors, err = portal.ParseProcessors(raw)
	}
	if err != nil {
		return a, fmt.Errorf("about-processors: %w", err)
	}
	return a, nil
}

// saidBy completes a with how the issuer of evidence is called.
func saidBy(i evidence.Issuer, a portal.About) portal.About {
	a.Provider, a.Number = i.Name, i.Identifier.Value
	if v := i.Identifier.Value; i.Identifier.Scheme == "BE:KBO" && len(v) == 10 {
		a.Number = "KBO/BCE " + v[:4] + "." + v[4:7] + "." + v[7:]
	}
	return a
}

//go:embed demo_processors.json
var demoProcessors []byte

// demoAbout is what a demonstration says of itself; nobody in it is real.
func demoAbout() (portal.About, error) {
	list, err := portal.ParseProcessors(demoProcessors)
	return portal.About{Email: "help@bode.example", Phone: "+32 2 000 00 00", Address: []string{"Kaai 1", "1000 Brussel"},
		Security: "mailto:security@bode.example", Processors: list}, err
}
