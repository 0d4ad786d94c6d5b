package main

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
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

// TestComposeStarts runs migrate and doctor with exactly the environment that
// docker-compose.yml gives, its containers replaced by services of this machine
// and its mounts by directories, and with the files that it asks for.
func TestComposeStarts(t *testing.T) {
	t.Parallel()
	e := newEstateOn(t, false)
	store := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(store.Close)
	db, err := url.Parse(e.database)
	if err != nil {
		t.Fatal(err)
	}
	c := readCompose(t)
	objects := c.Services["objects"].Environment
	writeFile(t, e.path("s3-access"), objects["ROOT_ACCESS_KEY"]+"\n")
	writeFile(t, e.path("s3-secret"), objects["ROOT_SECRET_KEY"]+"\n")
	writeSettings(t, e)
	replaced := 0
	env := func(service string) []string {
		var env []string
		for name, value := range c.Services[service].Environment {
			for from, to := range map[string]string{
				"postgres://bode:only-for-this-machine@database:5432/bode?sslmode=disable": db.String(),
				"objects:7070":   strings.TrimPrefix(store.URL, "http://"),
				"127.0.0.1:1025": e.catcher.SMTPAddr(),
				"/etc/bode":      e.dir,
				"/var/lib/bode":  e.path("state"),
			} {
				if strings.Contains(value, from) {
					value, replaced = strings.ReplaceAll(value, from, to), replaced+1
					break
				}
			}
			env = append(env, name+"="+value)
		}
		return env
	}
	doctor := command{env: env("bode"), args: []string{"doctor"}}
	doctor.run(t).expect(t, "before migrate", 1, "no bucket", "run bode migrate")
	migrate := command{env: env("migrate"), args: c.Services["migrate"].Command}
	migrate.run(t).expect(t, "migrate", 0, `"made":true`)
	migrate.run(t).expect(t, "migrate again", 0, `"made":false`)
	doctor.run(t).expect(t, "doctor", 0, "ok       content store answers", "ok       database is at this version")
	if replaced < 15 {
		t.Errorf("only %d values were replaced: is this the whole file?", replaced)
	}
	for _, name := range []string{"settings.json", "s3-secret", "secrets/codes.key", "login/decrypt.pem", "trust/tsa.pem"} {
		if err := os.Rename(e.path(name), e.path(name)+".gone"); err != nil {
			t.Fatal(err)
		}
		if s := doctor.run(t); s.code == 0 {
			t.Errorf("without %s: doctor finds nothing\n%s", name, s.out)
		}
		if err := os.Rename(e.path(name)+".gone", e.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	command{env: env("bode"), args: []string{"doctor"}}.run(t).expect(t, "in the end", 0)
}

// writeSettings writes what docker-compose.yml leaves to settings.json.
func writeSettings(t *testing.T, e *estate) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"sms":         map[string]any{"url": e.settings["BODE_SMS_URL"]},
		"quiet-hours": "none", // tests run at night, too
		"login":       map[string]any{"issuer": e.settings["BODE_LOGIN_ISSUER"], "client": "bode"},
		"seal":        map[string]any{"tsa": []string{e.settings["BODE_SEAL_TSA"]}},
		"issuer":      map[string]any{"name": "Bode test bv", "identifier": "0403170701", "policy": []string{"1.3.6.1.4.1.99999.2.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(e.dir, "settings.json"), string(text))
}

// TestComposeWritesWhereItMay holds that what the service writes is in a volume:
// its settings are mounted read-only, and so is its image.
func TestComposeWritesWhereItMay(t *testing.T) {
	t.Parallel()
	bode := readCompose(t).Services["bode"]
	for _, name := range []string{"BODE_KEYS", "BODE_CONTENT_DIR", "BODE_POST_DIR"} {
		if dir := bode.Environment[name]; dir != "" && !strings.HasPrefix(dir, "/var/lib/bode/") {
			t.Errorf("%s is %s, which cannot be written", name, dir)
		}
	}
}
