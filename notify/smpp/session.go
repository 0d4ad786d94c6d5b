package smpp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// inboxSize is how many receipts wait to be stored; further ones are refused for
// now and come again.
const inboxSize = 64

// session is one bound connection.
type session struct {
	cfg    *Config
	conn   net.Conn
	tls    string
	window chan struct{}
	inbox  chan pdu
	heard  atomic.Int64  // when the last PDU came, in nanoseconds
	closed chan struct{} // when nothing is read any more

	writing sync.Mutex

	mu       sync.Mutex
	sequence uint32
	waiting  map[uint32]chan pdu
	reason   error // why it ended
}

// bind dials and binds as transceiver. Errors: refusal, or the network's.
// SMPP 3.4 §4.1.5
func bind(ctx context.Context, cfg *Config) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.BindTimeout)
	defer cancel()
	s := &session{cfg: cfg, window: make(chan struct{}, cfg.Window), inbox: make(chan pdu, inboxSize),
		closed: make(chan struct{}), waiting: map[uint32]chan pdu{}}
	var err error
	if cfg.Plain {
		s.conn, err = new(net.Dialer).DialContext(ctx, "tcp", cfg.Addr)
	} else {
		s.conn, err = (&tls.Dialer{Config: cfg.TLS}).DialContext(ctx, "tcp", cfg.Addr)
	}
	if err != nil {
		return nil, err
	}
	if c, ok := s.conn.(*tls.Conn); ok {
		s.tls = tls.VersionName(c.ConnectionState().Version)
	}
	s.heard.Store(cfg.Now().UnixNano())
	go s.read()
	answer, _, err := s.request(ctx, bindTransceiver, bindBody(cfg.SystemID, cfg.Password, cfg.SystemType))
	if err == nil && answer.status != statusOK {
		err = refusal(answer.status)
	}
	if err != nil {
		s.end(err)
		return nil, fmt.Errorf("bind: %w", err)
	}
	return s, nil
}

// request sends a PDU and waits for its answer. sent says whether it went out
// whole: only then can the other side have acted on it. Errors: ErrLost, ErrSilent,
// or the context's.
func (s *session) request(ctx context.Context, c command, body []byte) (answer pdu, sent bool, err error) {
	came := make(chan pdu, 1)
	s.mu.Lock()
	if s.reason != nil {
		s.mu.Unlock()
		return pdu{}, false, fmt.Errorf("%w: %w", ErrLost, s.reason)
	}
	s.sequence = s.sequence%0x7FFFFFFF + 1
	number := s.sequence
	s.waiting[number] = came
	s.mu.Unlock()
	defer s.forget(number)

	if err := s.write(pdu{command: c, sequence: number, body: body}); err != nil {
		return pdu{}, false, fmt.Errorf("%w: %w", ErrLost, err)
	}
	late := time.NewTimer(s.cfg.AnswerTimeout)
	defer late.Stop()
	select {
	case answer = <-came:
		return answer, true, nil
	case <-late.C:
		err = ErrSilent
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-s.closed:
		err = fmt.Errorf("%w: %w", ErrLost, s.why())
	}
	select { // it may have come in the same moment
	case answer = <-came:
		return answer, true, nil
	default:
		return pdu{}, true, err
	}
}

func (s *session) forget(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, number)
}

// write sends one PDU whole, or ends the session: after a part of one nothing that
// follows could be understood.
func (s *session) write(p pdu) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.conn.SetWriteDeadline(s.cfg.Now().Add(s.cfg.AnswerTimeout))
	if err == nil {
		_, err = s.conn.Write(p.octets())
	}
	if err != nil {
		s.end(err)
	}
	return err
}

// end closes the connection, once; the first reason stays.
func (s *session) end(reason error) {
	s.mu.Lock()
	first := s.reason == nil
	if first {
		s.reason = reason
	}
	s.mu.Unlock()
	if first {
		s.conn.Close()
	}
}

func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// errUnbound: the other side ended the session in good order.
var errUnbound = errors.New("smpp: unbound by the message centre")

// read takes what comes until the connection ends.
func (s *session) read() {
	defer close(s.closed)
	r := bufio.NewReader(s.conn)
	for {
		p, err := readPDU(r)
		if err == nil {
			s.heard.Store(s.cfg.Now().UnixNano())
			err = s.take(p)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// take handles one PDU. SMPP 3.4 §4.3, §4.6, §4.11
func (s *session) take(p pdu) error {
	if p.command&response != 0 {
		s.mu.Lock()
		came := s.waiting[p.sequence]
		s.mu.Unlock()
		if came != nil {
			select {
			case came <- p:
			default: // a second answer
			}
		}
		return nil
	}
	switch p.command {
	case enquireLink:
		return s.write(pdu{command: enquireLink | response, sequence: p.sequence})
	case deliverSM:
		select {
		case s.inbox <- p:
			return nil
		default:
			return s.acknowledge(p, statusLater)
		}
	case unbind:
		return errors.Join(s.write(pdu{command: unbind | response, sequence: p.sequence}), errUnbound)
	case alertNotice: // has no answer
		return nil
	}
	return s.write(pdu{command: genericNack, status: statusBadCommand, sequence: p.sequence})
}

// acknowledge answers deliver_sm. SMPP 3.4 §4.6.2
func (s *session) acknowledge(p pdu, code status) error {
	return s.write(pdu{command: deliverSM | response, status: code, sequence: p.sequence, body: []byte{0}})
}

// keepAlive asks after each silence of Idle whether the other side is there, and
// ends the session when it does not say so. SMPP 3.4 §4.11
func (s *session) keepAlive() {
	for {
		quiet := s.cfg.Now().Sub(time.Unix(0, s.heard.Load()))
		wait := time.NewTimer(max(s.cfg.Idle-quiet, time.Millisecond))
		select {
		case <-s.closed:
			wait.Stop()
			return
		case <-wait.C:
		}
		if s.cfg.Now().Sub(time.Unix(0, s.heard.Load())) < s.cfg.Idle {
			continue
		}
		if _, _, err := s.request(context.Background(), enquireLink, nil); err != nil {
			s.end(fmt.Errorf("enquire_link: %w", err))
			return
		}
	}
}

// leave waits for what is outstanding and unbinds. SMPP 3.4 §4.2
func (s *session) leave(ctx context.Context) {
	for range cap(s.window) {
		select {
		case s.window <- struct{}{}:
		case <-s.closed:
			return
		case <-ctx.Done():
			s.end(ErrLost)
			return
		}
	}
	_, _, _ = s.request(ctx, unbind, nil) // it ends in any case
	s.end(errUnbound)
}
