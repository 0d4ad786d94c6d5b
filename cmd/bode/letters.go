package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/post"
)

// converter is what prints office documents, or nil when none is configured. One
// that is configured and cannot be confined keeps the service from starting.
func (c postConfig) converter() (*post.Converter, error) {
	if c.Office == "" {
		return nil, nil
	}
	return post.NewConverter(context.Background(), post.ConverterConfig{Path: c.Office, Slots: c.Slots})
}

// tariff is what letters cost; without one there are no prices.
func (c postConfig) tariff() (post.Tariff, error) {
	if c.Tariff == "" {
		return post.Tariff{}, nil
	}
	raw, err := os.ReadFile(c.Tariff)
	if err != nil {
		return post.Tariff{}, fmt.Errorf("post-tariff: %w", err)
	}
	return post.ParseTariff(raw)
}

// demoConverter prints office documents where this machine can.
func demoConverter(log *slog.Logger) *post.Converter {
	path, err := exec.LookPath("soffice")
	if err != nil {
		return nil
	}
	c, err := post.NewConverter(context.Background(), post.ConverterConfig{Path: path})
	if err != nil {
		log.Info("office documents are not printed", "error", err)
		return nil
	}
	return c
}

// openViewer opens what shows recipients the pages of PDF. One that is configured
// and cannot be confined keeps the service from starting.
func (c config) openViewer(ctx context.Context, o *outside) error {
	if c.Poppler == "" {
		return nil
	}
	v, err := post.NewViewer(ctx, post.ViewerConfig{Dir: c.Poppler})
	if err != nil {
		return err
	}
	o.viewer = v
	return nil
}

// demoViewer shows pages of PDF where this machine can.
func demoViewer(log *slog.Logger) delivery.PageViewer {
	v, err := post.NewViewer(context.Background(), post.ViewerConfig{})
	if err != nil {
		log.Info("pages of PDF are not shown", "error", err)
		return nil
	}
	return v
}
