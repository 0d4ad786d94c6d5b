package main

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/post"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/webhook"
)

// pushConfig is how programs are told, and where tests go.
type pushConfig struct {
	Loopback bool `name:"webhooks-loopback" help:"Webhooks may be on loopback, in clear: never on a machine with other services." env:"BODE_WEBHOOKS_LOOPBACK"`
	Leave    bool `name:"tests-leave" help:"Hand test messages to relays, SMS and post too: for a system whose relays are sinks. Without it nothing of them leaves." env:"BODE_TESTS_LEAVE"`
}

// openPush opens what pushes events, and the sandbox. letters is how letters are
// made; without a folder there are none.
func (o *outside) openPush(c pushConfig, letters post.Config) (err error) {
	if o.hooks, err = webhook.New(webhook.Config{Loopback: c.Loopback}); err != nil {
		return err
	}
	o.sandbox = &delivery.Sandbox{All: !c.Leave}
	if letters.Dir == "" {
		return nil
	}
	letters.Dir, letters.Partner = filepath.Join(letters.Dir, "sandbox"), "Sandbox"
	o.sandbox.Post, err = post.NewSandbox(letters)
	return err
}

// rehearsed are the transports, which get nothing that belongs in the sandbox.
func (a *app) rehearsed(all map[notify.Channel]notify.Transport) map[notify.Channel]notify.Transport {
	out := map[notify.Channel]notify.Transport{}
	for ch, t := range all {
		out[ch] = a.deliveries.Rehearse(ch, t)
	}
	return out
}

// pushers is how many pushes a process sends at once. A slow address holds up a
// few of them for some seconds, never all.
const pushers = 16

// push reads the feed for webhooks.
func (a *app) push(ctx context.Context) error {
	_, err := a.deliveries.DispatchWebhooks(ctx)
	return err
}

// sendPushes sends pushes until ctx ends.
func (a *app) sendPushes(ctx context.Context) {
	var all sync.WaitGroup
	for range pushers {
		all.Go(func() { a.every(ctx, "webhooks", time.Second, a.sendDue) })
	}
	all.Wait()
}

func (a *app) sendDue(ctx context.Context) error {
	for {
		some, err := a.deliveries.SendWebhook(ctx)
		if err != nil || !some || ctx.Err() != nil {
			return err
		}
	}
}
