package smtp_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// reception is a server that remembers what each of its connections said, and how
// many mails were under way at once. answer may return "" for the usual reply,
// "close" to end the connection without one.
type reception struct {
	addr   string
	answer func(connection, mail int, verb string) string

	mu    sync.Mutex
	heard [][]string // verbs, by connection
	in    int
	most  int
	ended chan int // connections that ended, by number
}

func receive(t *testing.T, answer func(connection, mail int, verb string) string) *reception {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if answer == nil {
		answer = func(int, int, string) string { return "" }
	}
	r := &reception{addr: l.Addr().String(), answer: answer, ended: make(chan int, 1000)}
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.heard = append(r.heard, nil)
			r.mu.Unlock()
			go r.serve(conn, n)
		}
	}()
	return r
}

func (r *reception) serve(conn net.Conn, n int) {
	defer func() { conn.Close(); r.ended <- n }()
	usual := map[string]string{"EHLO": "250-reception.test\r\n250 SIZE 1000000", "DATA": "354 go", "QUIT": "221 bye", ".": "250 taken"}
	fmt.Fprint(conn, "220 reception.test\r\n")
	lines := bufio.NewScanner(conn)
	inData, mail := false, 0
	for lines.Scan() {
		verb, _, _ := strings.Cut(lines.Text(), " ")
		if inData && verb != "." {
			continue
		}
		r.note(n, verb)
		if verb == "MAIL" {
			mail++
		}
		reply := r.answer(n, mail, verb)
		if reply == "close" {
			return
		}
		if reply == "" {
			if reply = usual[verb]; reply == "" {
				reply = "250 ok"
			}
		}
		if verb == "." {
			r.note(n, "end")
		}
		if _, err := fmt.Fprintf(conn, "%s\r\n", reply); err != nil || verb == "QUIT" {
			return
		}
		inData = verb == "DATA" && reply[0] == '3'
	}
}

func (r *reception) note(n int, verb string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch verb {
	case "end":
		r.in--
		return
	case "MAIL":
		r.in++
		r.most = max(r.most, r.in)
	}
	r.heard[n] = append(r.heard[n], verb)
}

// said returns what connection n said, and how many there were.
func (r *reception) said(n int) ([]string, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= len(r.heard) {
		return nil, len(r.heard)
	}
	return slices.Clone(r.heard[n]), len(r.heard)
}
