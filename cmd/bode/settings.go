package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settingsFile is the flag that names a JSON file of settings. Names are those
// of the flags of serve; a group may be an object of its own:
//
//	{"base-url": "https://bode.example", "smtp": {"addr": "…"}, "log-level": "warn"}
//
// The file has the last word nowhere: a flag wins, then the environment.
type settingsFile string

// BeforeResolve reads the file, for a command that has the flag. A name that is
// no setting, a name twice, and anything but one object are errors.
func (f settingsFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	if !slices.ContainsFunc(ctx.Path, func(p *kong.Path) bool { return slices.Contains(p.Flags, trace.Flag) }) {
		return nil // the environment names it, but this command takes no settings
	}
	path, _ := ctx.FlagValue(trace.Flag).(settingsFile)
	if path == "" {
		return nil
	}
	file, err := os.Open(string(path))
	if err != nil {
		return err
	}
	defer file.Close()
	s, err := readSettings(file)
	if err == nil {
		err = s.known(ctx.Model)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	ctx.AddResolver(s)
	return nil
}

// settings are values by the name of their flag.
type settings map[string]any

var errSettings = errors.New("settings")

func readSettings(r io.Reader) (settings, error) {
	var top map[string]any
	d := json.NewDecoder(r)
	if err := d.Decode(&top); err != nil {
		return nil, fmt.Errorf("%w: %w", errSettings, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one object", errSettings)
	}
	s := settings{}
	return s, s.add("", top)
}

// add takes the values of an object; those of objects in it get the name of
// their group before their own.
func (s settings) add(group string, values map[string]any) error {
	for name, v := range values {
		name = group + strings.ReplaceAll(name, "_", "-")
		if inner, ok := v.(map[string]any); ok {
			if err := s.add(name+"-", inner); err != nil {
				return err
			}
			continue
		}
		if _, twice := s[name]; twice {
			return fmt.Errorf("%w: %q is there twice", errSettings, name)
		}
		if v == nil {
			return fmt.Errorf("%w: %q is null", errSettings, name)
		}
		s[name] = v
	}
	return nil
}

// known says which names are no settings. Settings are what serve takes, so
// that one file does for every command.
func (s settings) known(model *kong.Application) error {
	names := map[string]bool{}
	for _, leaf := range model.Leaves(false) {
		if leaf.Name != "serve" {
			continue
		}
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				names[f.Name] = f.Name != "config" && f.Name != "help"
			}
		}
	}
	var unknown []string
	for name := range s {
		if !names[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%w: no such setting: %s", errSettings, strings.Join(unknown, ", "))
}

// Validate implements [kong.Resolver]; names are checked when the file is read.
func (settings) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	for _, e := range f.Envs {
		if _, ok := os.LookupEnv(e); ok {
			return nil, nil // kong would let the file win
		}
	}
	v, ok := s[f.Name]
	if !ok {
		return nil, nil
	}
	return v, nil
}
