package main

import (
	"io"
	"net"
	"time"

	"github.com/emersion/go-smtp"
)

// startBare starts the library that speaks SMTP for us, with nothing behind it: it
// takes every mail and keeps none. Nobody who uses it is faster.
func startBare() (addr string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return swallow{}, nil }))
	s.Domain, s.ReadTimeout, s.WriteTimeout = "bare.example", time.Minute, time.Minute
	go func() { _ = s.Serve(l) }() // ends with Close
	return l.Addr().String(), s.Close, nil
}

// swallow is a session that takes everything.
type swallow struct{}

func (swallow) Mail(string, *smtp.MailOptions) error { return nil }
func (swallow) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (swallow) Reset()                               {}
func (swallow) Logout() error                        { return nil }

func (swallow) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
