package main

import (
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// printConfig is what the contract with the partner says about time. Plans and
// dates to meet are computed with it: what it promises too much comes too late.
type printConfig struct {
	Cutoff time.Duration `help:"Time of day in Brussels, as 10h or 9h30m, until which a letter counts as of that working day." default:"10h" env:"BODE_POST_CUTOFF"`
	Days   int           `help:"Working days from then until the postal operator has it; 0: the same day." default:"0" env:"BODE_POST_DAYS"`
	Track  string        `help:"Where a recipient can follow a letter, with {tracking} in it for its number; empty: the number alone is told." env:"BODE_POST_TRACK"`
}

func (c printConfig) validate(need func(ok bool, setting, why string)) {
	need(c.Cutoff > 0 && c.Cutoff < 24*time.Hour, "post-cutoff", "a time of day")
	need(c.Days >= 0 && c.Days <= 30, "post-days", "0 to 30 working days")
	need(c.Track == "" || strings.HasPrefix(c.Track, "https://") && strings.Contains(c.Track, delivery.TrackingPlace), "post-track", "an https address with {tracking} in it")
}
