package smtp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

// peer is a hand-written server for what no decent server does. It answers each
// command by its verb; "." is the end of the content. "hang" stops answering,
// "close" closes the connection.
func peer(t *testing.T, replies map[string]string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go talk(conn, replies)
		}
	}()
	return l.Addr().String()
}

func talk(conn net.Conn, replies map[string]string) {
	defer conn.Close()
	defaults := map[string]string{"": "220 peer.test", "EHLO": "250-peer.test\r\n250 SIZE 1000000", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", ".": "250 taken", "QUIT": "221 bye"}
	say := func(verb string) bool {
		reply, ok := replies[verb]
		if !ok {
			reply = defaults[verb]
		}
		switch reply {
		case "close":
			return false
		case "hang":
			io.Copy(io.Discard, conn) // until the client gives up
			return false
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", reply)
		return err == nil
	}
	if !say("") {
		return
	}
	lines := bufio.NewScanner(conn)
	inData := false
	for lines.Scan() {
		line := lines.Text()
		if inData && line != "." {
			continue
		}
		verb, _, _ := strings.Cut(line, " ")
		if !say(verb) {
			return
		}
		inData = verb == "DATA" && !inData
	}
}

func TestBadPeers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		replies map[string]string
		outcome notify.Outcome
		doubt   bool
		reply   string
	}{
		"says nothing at all":        {map[string]string{"": "hang"}, notify.Temporary, false, "(no reply)"},
		"closes at once":             {map[string]string{"": "close"}, notify.Temporary, false, "(no reply)"},
		"is busy":                    {map[string]string{"": "421 4.3.2 later"}, notify.Temporary, false, "421 4.3.2 later"},
		"wants us not":               {map[string]string{"": "554 5.7.1 blocked"}, notify.Technical, false, "554 5.7.1 blocked"},
		"is no mail server":          {map[string]string{"": "HTTP/1.1 400 Bad Request"}, notify.Temporary, false, "(no reply)"},
		"refuses our sender":         {map[string]string{"MAIL": "550 5.1.1 unknown"}, notify.Technical, false, "550 5.1.1 unknown"},
		"refuses for the size":       {map[string]string{"MAIL": "552 5.3.4 too big"}, notify.Technical, false, "552"},
		"does not know them":         {map[string]string{"RCPT": "550 unknown user"}, notify.Permanent, false, "550 unknown user"},
		"does not know them, in two": {map[string]string{"RCPT": "550-5.1.1 unknown\r\n550 5.1.1 user"}, notify.Permanent, false, "550 5.1.1 unknown\nuser"},
		"moved":                      {map[string]string{"RCPT": "551 try elsewhere"}, notify.Permanent, false, "551"},
		"mailbox full":               {map[string]string{"RCPT": "552 full"}, notify.Temporary, false, "552"},
		"disabled mailbox":           {map[string]string{"RCPT": "550 5.2.1 disabled"}, notify.Permanent, false, "550"},
		"bad sender, at RCPT":        {map[string]string{"RCPT": "553 5.1.8 sender domain"}, notify.Technical, false, "553"},
		"no route":                   {map[string]string{"RCPT": "550 5.4.4 no MX"}, notify.Permanent, false, "550"},
		"policy, at RCPT":            {map[string]string{"RCPT": "554 denied"}, notify.Technical, false, "554"},
		"grey list":                  {map[string]string{"RCPT": "450 4.2.0 grey"}, notify.Temporary, false, "450"},
		"contradicts itself":         {map[string]string{"RCPT": "550 4.7.1 hm"}, notify.Temporary, false, "550"},
		"talks nonsense":             {map[string]string{"RCPT": "299 what"}, notify.Technical, false, "299"},
		"closes at DATA":             {map[string]string{"DATA": "close"}, notify.Temporary, false, "(no reply)"},
		"refuses the content":        {map[string]string{".": "554 5.6.0 no"}, notify.Technical, false, "554 5.6.0 no"},
		"refuses them, after DATA":   {map[string]string{".": "550 5.1.1 no such"}, notify.Permanent, false, "550"},
		"refuses, without a reason":  {map[string]string{".": "550 no"}, notify.Technical, false, "550"},
		"delays, after DATA":         {map[string]string{".": "451 4.3.0 busy"}, notify.Temporary, false, "451"},
		"closes after the dot":       {map[string]string{".": "close"}, notify.Technical, true, "(no reply)"},
		"is silent after the dot":    {map[string]string{".": "hang"}, notify.Technical, true, "(no reply) context deadline exceeded"},
		"is silent after QUIT":       {map[string]string{"QUIT": "hang"}, notify.Sent, false, "250 taken"},
		"closes at QUIT":             {map[string]string{"QUIT": "close"}, notify.Sent, false, "250 taken"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := transport(t, peer(t, c.replies)).Deliver(within(t, 3*time.Second), message("an@example.be"))
			if r.Outcome != c.outcome || r.InDoubt != c.doubt || !strings.HasPrefix(r.Reply, c.reply) || r.DSN {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A peer that stops reading in the middle of the body does not hold us: the SMTP
// client by itself would wait for ever.
func TestPeerThatStopsReading(t *testing.T) {
	t.Parallel()
	addr := peer(t, map[string]string{"DATA": "354 go"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // forwards to the peer until DATA, then reads no more
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", addr)
		if err != nil {
			client.Close()
			return
		}
		go io.Copy(client, server)
		r := bufio.NewReader(client)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(server, line)
			if strings.HasPrefix(line, "DATA") {
				return
			}
		}
	}()
	m := message("an@example.be")
	m.Text = strings.Repeat("all work and no play\n", 1<<20)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, _ := transport(t, l.Addr().String()).Deliver(ctx, m)
	if r.Outcome != notify.Temporary || r.InDoubt {
		t.Errorf("%+v", r)
	}
	if ctx.Err() == nil {
		t.Error("ended before the context: nothing was blocked")
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if r, _ := transport(t, l.Addr().String()).Deliver(within(t, time.Minute), message("an@example.be")); r.Outcome != notify.Temporary || r.InDoubt {
		t.Errorf("%+v", r)
	}
}

func TestCancelledBeforeDialling(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, _ := transport(t, "127.0.0.1:9").Deliver(ctx, message("an@example.be")); r.Outcome != notify.Temporary || r.InDoubt {
		t.Errorf("%+v", r)
	}
}
