//go:build !linux

package main

import (
	"context"
	"fmt"
)

func ownMounts(context.Context) (bool, error) {
	return false, fmt.Errorf("%w: it needs Linux", errNotHere)
}

func smallDisk(string, int64) error { return errNotHere }

type fragile struct{ dir string }

func makeFragile(context.Context, string, int64) (*fragile, error) { return nil, errNotHere }

func (f *fragile) cut() error                 { return errNotHere }
func (f *fragile) sync(context.Context) error { return errNotHere }
func (f *fragile) boot(context.Context) error { return errNotHere }

func (f *fragile) Close() error { return nil }

func letGo(string) error            { return errNotHere }
func moveTree(string, string) error { return errNotHere }
func killChildren(int) error        { return nil }
