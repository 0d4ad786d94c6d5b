package smpp

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// smsc is a message centre: it checks what a client sends and answers as the test
// says. It speaks to our client and to other people's.
type smsc struct {
	t        testing.TB
	listener net.Listener

	mu       sync.Mutex
	decide   func(n int, m shortMessage) verdict
	onBind   func(system, password string) status
	clients  []*client
	taken    []shortMessage
	answers  []pdu // to our deliver_sm
	seen     map[command]int
	deaf     bool // answers no enquire_link
	changed  chan struct{}
	accepted int
}

// verdict is what becomes of one submit_sm, the n-th from 0.
type verdict struct {
	status status
	id     string
	mute   bool // no answer
	drop   bool // the connection ends, without an answer
	raw    []byte
}

type client struct {
	conn    net.Conn
	writing sync.Mutex
	next    uint32
}

func startSMSC(t testing.TB, config *tls.Config) *smsc {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	c := &smsc{t: t, listener: l, seen: map[command]int{}, changed: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.serve(&client{conn: conn}) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.disconnect()
		running.Wait()
	})
	return c
}

func (c *smsc) addr() string { return c.listener.Addr().String() }

// update changes the message centre, and wakes who waits.
func (c *smsc) update(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

// until waits for something to be true of the message centre.
func (c *smsc) until(what string, ok func() bool) {
	c.t.Helper()
	late := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		done, changed := ok(), c.changed
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			c.t.Fatalf("in vain: %s", what)
		}
	}
}

func (c *smsc) disconnect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.clients {
		x.conn.Close()
	}
	c.clients = nil
}

func (c *smsc) serve(x *client) {
	defer x.conn.Close()
	r := bufio.NewReader(x.conn)
	for {
		p, err := readPDU(r)
		if err != nil {
			return
		}
		c.update(func() { c.seen[p.command]++ })
		if !c.take(x, p) {
			return
		}
	}
}

func (x *client) write(p pdu) {
	x.writing.Lock()
	defer x.writing.Unlock()
	_, _ = x.conn.Write(p.octets()) // the client left
}

func (c *smsc) take(x *client, p pdu) bool {
	answer := pdu{command: p.command | response, sequence: p.sequence}
	switch p.command {
	case bindTransceiver, bindTransmitter, bindReceiver:
		f := fields{rest: p.body}
		system, password := f.text("system_id", 16), f.text("password", 9)
		c.mu.Lock()
		if c.onBind != nil {
			answer.status = c.onBind(system, password)
		}
		c.mu.Unlock()
		answer.body = parameter(cText(nil, "smsc"), tagInterface, []byte{interfaceVersion})
		x.write(answer)
		if answer.status == statusOK {
			c.update(func() { c.clients, c.accepted = append(c.clients, x), c.accepted+1 })
		}
	case submitSM:
		return c.submitted(x, p, answer)
	case enquireLink:
		c.mu.Lock()
		deaf := c.deaf
		c.mu.Unlock()
		if !deaf {
			x.write(answer)
		}
	case unbind:
		x.write(answer)
		return false
	case deliverSM | response, genericNack:
		c.update(func() { c.answers = append(c.answers, p) })
	}
	return true
}

func (c *smsc) submitted(x *client, p, answer pdu) bool {
	m, err := readShortMessage(p.body)
	if err != nil {
		c.t.Errorf("submit_sm: %v", err)
		return false
	}
	v := verdict{}
	c.update(func() {
		v.id = fmt.Sprintf("m-%d", len(c.taken))
		if c.decide != nil {
			v = c.decide(len(c.taken), m)
		}
		c.taken = append(c.taken, m)
	})
	if v.drop {
		return false
	}
	if answer.status = v.status; v.status == statusOK {
		answer.body = cText(nil, v.id)
	}
	if v.raw != nil {
		answer.body = v.raw
	}
	if !v.mute {
		x.write(answer)
	}
	return true
}

// tell sends deliver_sm to every client.
func (c *smsc) tell(m shortMessage, extra ...[]byte) {
	body := m.octets()
	for _, e := range extra {
		body = append(body, e...)
	}
	c.raw(deliverSM, body)
}

func (c *smsc) raw(id command, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.clients {
		x.next++
		x.write(pdu{command: id, sequence: x.next, body: body})
	}
}

// receiptFor is a receipt as most message centres write it.
func receiptFor(id, stat string) shortMessage {
	return shortMessage{from: address{1, 1, "32470123456"}, to: address{5, 0, "Bode"}, class: classReceipt,
		text: fmt.Appendf(nil, "id:%s sub:001 dlvrd:001 submit date:2611221030 done date:2611221031 stat:%s err:000 text:Bode: uw code is 418", id, stat)}
}
