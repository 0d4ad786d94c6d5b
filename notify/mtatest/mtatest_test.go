package mtatest_test

import (
	"net/smtp"
	"testing"

	"github.com/bode-erds/bode/notify/mtatest"
)

// Each takes a mail and passes it on.
func TestServers(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, mtatest.Config) *mtatest.Server{"postfix": mtatest.Postfix, "exim": mtatest.Exim} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, mtatest.Config{Routes: map[string]string{"example.be": mtatest.Sink(t)}, Mailboxes: []string{"an@box.example"}})
			if err := smtp.SendMail(s.Addr, nil, "us@bode.example", []string{"an@example.be", "an@box.example"}, []byte("Subject: x\r\n\r\nx\r\n")); err != nil {
				t.Fatal(err)
			}
		})
	}
}
