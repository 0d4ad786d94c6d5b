package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// composeFile is the part of docker-compose.yml that can go stale.
type composeFile struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Build       string            `yaml:"build"`
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		Ports       []string          `yaml:"ports"`
		Volumes     []string          `yaml:"volumes"`
		DependsOn   map[string]struct {
			Condition string `yaml:"condition"`
		} `yaml:"depends_on"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) == 0 {
		t.Fatal("no services")
	}
	return c
}

// pinned is an image with a version: digits with at least one dot.
var pinned = regexp.MustCompile(`^[a-z0-9/-]+:v?\d+\.\d+[\w.-]*$`)

func TestComposeHangsTogether(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	for name, s := range c.Services {
		if s.Image != "bode:local" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %q is open to the network", name, p)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[volume]; !ok && volume != "./settings" {
				t.Errorf("%s: volume %q is not declared", name, volume)
			}
		}
		for other, d := range s.DependsOn {
			if _, ok := c.Services[other]; !ok || d.Condition == "" {
				t.Errorf("%s: depends on %q, %q", name, other, d.Condition)
			}
		}
	}
}

func TestComposeGivesSettingsThatExist(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	known, commands := map[string]bool{}, map[string]bool{}
	for _, leaf := range parser.Model.Leaves(false) {
		commands[leaf.Name] = true
		for _, group := range leaf.AllFlags(false) {
			for _, flag := range group {
				for _, env := range flag.Envs {
					known[env] = true
				}
			}
		}
	}
	for name, s := range readCompose(t).Services {
		if s.Image != "bode:local" {
			continue
		}
		if len(s.Command) == 0 || !commands[s.Command[0]] {
			t.Errorf("%s: command %q does not exist", name, s.Command)
		}
		for env := range s.Environment {
			if !known[env] {
				t.Errorf("%s: no flag reads %s", name, env)
			}
		}
	}
}
