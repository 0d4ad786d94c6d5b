package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strconv"
	"sync"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/sms"
	"github.com/bode-erds/bode/notify/smtp"
)

// mailbox catches mail and SMS in the process of the players, so that what they
// read does not count as memory of the service, and keeps what somebody waits for.
type mailbox struct {
	*notifytest.Catcher
	stop context.CancelFunc

	mu      sync.Mutex
	wanted  map[string][]notifytest.Message // by address; guarded by mu
	arrived map[string]int                  // by notice, if it is not nil; guarded by mu
}

func openMailbox(ctx context.Context) (*mailbox, error) {
	c, err := notifytest.StartCatcher(notifytest.Config{Keep: 5000})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	m := &mailbox{Catcher: c, stop: stop, wanted: map[string][]notifytest.Message{}}
	go m.sort(ctx)
	return m, nil
}

// Close stops catching.
func (m *mailbox) Close() error {
	m.stop()
	return m.Catcher.Close()
}

// sort puts what arrives where it is waited for.
func (m *mailbox) sort(ctx context.Context) {
	last := 0
	for pause(ctx, 50*time.Millisecond) == nil {
		all := m.Messages()
		m.mu.Lock()
		for _, x := range all {
			if n, err := strconv.Atoi(x.ID); err == nil && n > last {
				last = n
				if m.arrived != nil {
					m.arrived[noticeOf(x)]++
				}
				if list, ok := m.wanted[x.To]; ok {
					m.wanted[x.To] = append(list, x)
				}
			}
		}
		m.mu.Unlock()
	}
}

// noticeOf is the notice that a mail or SMS is of.
func noticeOf(x notifytest.Message) string { return x.Headers["X-Bode-Notice"] + x.Headers["Tag"] }

func (m *mailbox) expect(addresses ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range addresses {
		m.wanted[a] = []notifytest.Message{}
	}
}

func (m *mailbox) forget(addresses ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range addresses {
		delete(m.wanted, a)
	}
}

// mailPatience is how long a recipient waits for a message. Whoever waits that
// long counts as not told.
const mailPatience = 5 * time.Minute

// wait is for the next message of a kind to an address, which must be expected.
func (m *mailbox) wait(ctx context.Context, to, kind string) (notifytest.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, mailPatience)
	defer cancel()
	for {
		m.mu.Lock()
		for i, x := range m.wanted[to] {
			if x.Kind == kind {
				m.wanted[to] = append(m.wanted[to][:i:i], m.wanted[to][i+1:]...)
				m.mu.Unlock()
				return x, nil
			}
		}
		m.mu.Unlock()
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return notifytest.Message{}, fmt.Errorf("no %s to %s: %w", kind, to, err)
		}
	}
}

// benchTransports hand notices to a relay and a gateway elsewhere.
func benchTransports(relay, gateway string) (map[notify.Channel]notify.Transport, error) {
	mailer, err := smtp.New(smtp.Config{Addr: relay, Security: smtp.Plain, From: mail.Address{Name: "Bode", Address: "bode@bode.example"}})
	texter, e := sms.New(sms.Config{URL: gateway, From: "Bode"})
	return map[notify.Channel]notify.Transport{notify.Email: mailer, notify.SMS: texter}, errors.Join(err, e)
}
