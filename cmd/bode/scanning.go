package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/clamd"
)

// openScanner is nil where nobody looks for malware. A daemon that does not answer
// now is an error: without it every upload would be refused.
func (c config) openScanner(ctx context.Context) (delivery.Scanner, error) {
	if c.Clamd == "" {
		return nil, nil
	}
	s, err := clamd.New(clamd.Config{Addr: c.Clamd})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := s.Ping(ctx); err != nil {
		return nil, fmt.Errorf("--clamd: %w", err)
	}
	return s, nil
}
