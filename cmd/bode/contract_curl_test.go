package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"golang.org/x/net/html"
)

// shellVariable is what a call of the documentation leaves to fill in.
var shellVariable = regexp.MustCompile(`\$\{?([A-Z][A-Z_]+)\b`)

// TestCurl runs every call of the documentation, as it stands there, against the
// whole service, and the steps of the guides. Each is answered as the contract
// says.
func TestCurl(t *testing.T) {
	t.Parallel()
	c := newContractTown(t)
	shell := newShell(t)
	pages := c.calls(t)
	if _, err := c.posted(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, o := range c.inOrder() {
		path, method, op := o.path, o.method, o.op
		call, ok := pages[op.OperationID]
		if !ok {
			t.Errorf("%s: not in the documentation", op.OperationID)
			continue
		}
		seen++
		env := []string{"BODE_KEY=" + c.seeds.TestKey}
		if withLiveKey(op.OperationID) {
			env[0] = "BODE_KEY=" + c.seeds.LiveKey
		}
		parents := map[string]string{}
		var ready = true
		for _, v := range c.variables(call) {
			id, err := c.object(t.Context(), op.OperationID, method, v, parents)
			if err != nil {
				t.Errorf("%s: %s: %v", op.OperationID, v, err)
				ready = false
				break
			}
			parents[v] = id
			env = append(env, v+"="+id)
		}
		if !ready {
			continue
		}
		a, err := shell.run(t.Context(), call, env)
		if err != nil {
			t.Errorf("%s: %v\n%s", op.OperationID, err, call)
			continue
		}
		want := a.status/100 == 2
		if status, special := notByExample()[op.OperationID]; special {
			want = a.status == status
		}
		if err := c.holds(method, path, a.status, a.header, a.body); err != nil || !want {
			t.Errorf("%s: %d, %v\n%s\n%.2000s", op.OperationID, a.status, err, call, a.body)
		}
		var made struct{ ID string }
		if o.makes && json.Unmarshal(a.body, &made) == nil && made.ID != "" {
			c.kept["made "+strings.TrimPrefix(path, "/")] = made.ID
		}
	}
	if seen < 20 {
		t.Errorf("only %d operations", seen)
	}
	for _, guide := range []string{"getting-started", "paging", "sandbox"} {
		script := strings.Join(c.steps(t, guide), "\n")
		if out, err := shell.plain(t.Context(), script, []string{"BODE_URL=" + c.base, "BODE_KEY=" + c.seeds.TestKey}); err != nil || script == "" {
			t.Errorf("%s: %v\n%s\n%s", guide, err, script, out)
		}
	}
}

// object is what a variable stands for: of what is only read, something that has
// everything; else something new.
func (c *contractTown) object(ctx context.Context, operation, method, variable string, parents map[string]string) (string, error) {
	if make := inPlace()[operation+" "+variable]; make != nil {
		return make(ctx, c, parents)
	}
	kind := c.kindOf(variable)
	if kind == "deliveries" && method == http.MethodGet {
		return c.posted(ctx)
	}
	if id := c.kept["made "+kind]; id != "" && method == http.MethodPut {
		return id, nil // it has the name that the example gives it again
	}
	return c.make(ctx, kind, parents)
}

// entry is one operation of the contract.
type entry struct {
	path, method string
	op           *openapi3.Operation
	makes        bool // objects of a collection
}

// inOrder are all operations, those that make something first.
func (c *contractTown) inOrder() (all []entry) {
	for _, path := range c.doc.Paths.InMatchingOrder() {
		for method, op := range c.doc.Paths.Value(path).Operations() {
			all = append(all, entry{path, method, op, method == http.MethodPost && strings.Count(path, "/") == 1})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		return cmp.Or(map[bool]int{true: -1}[a.makes]-map[bool]int{true: -1}[b.makes], cmp.Compare(a.op.OperationID, b.op.OperationID))
	})
	return all
}

// variables are those of a call, what comes first in its path first.
func (c *contractTown) variables(call string) (names []string) {
	for _, m := range shellVariable.FindAllStringSubmatch(call, -1) {
		if m[1] != "BODE_KEY" && m[1] != "RANDOM" && !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// calls are the calls of the documentation by operation.
func (c *contractTown) calls(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, tag := range c.doc.Tags {
		status, _, text := c.get(t, c.base+"/api/docs/operations/"+tag.Name)
		doc, err := html.Parse(bytes.NewReader(text))
		if err != nil || status != http.StatusOK {
			t.Fatal(tag.Name, status, err)
		}
		for n := range doc.Descendants() {
			if n.Data != "pre" || !slices.Contains(n.Attr, html.Attribute{Key: "class", Val: "call"}) {
				continue
			}
			for s := n.Parent; s != nil; s = s.Parent {
				if s.Data == "section" {
					for _, a := range s.Attr {
						if a.Key == "id" {
							found[a.Val] = words(n)
						}
					}
				}
			}
		}
	}
	return found
}

// steps are what a guide asks the reader to type.
func (c *contractTown) steps(t *testing.T, guide string) (steps []string) {
	t.Helper()
	_, _, text := c.get(t, c.base+"/api/docs/"+guide)
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Data == "pre" && slices.Contains(n.Attr, html.Attribute{Key: "class", Val: "step"}) {
			steps = append(steps, words(n))
		}
	}
	return steps
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// shell runs calls with a curl that keeps the answer where the test finds it.
type shell struct{ dir, path string }

func newShell(t *testing.T) shell {
	t.Helper()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is needed to run the documentation: make tools")
	}
	s := shell{dir: t.TempDir()}
	bin := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s -D %s -o %s \"$@\"\n", curl, filepath.Join(s.dir, "header"), filepath.Join(s.dir, "body"))
	if err := os.WriteFile(filepath.Join(bin, "curl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s.path = bin + ":" + os.Getenv("PATH")
	return s
}

// replied is what came back.
type replied struct {
	status int
	header http.Header
	body   []byte
}

func (s shell) run(ctx context.Context, call string, env []string) (a replied, err error) {
	for _, name := range []string{"header", "body"} {
		os.Remove(filepath.Join(s.dir, name))
	}
	if out, err := s.bash(ctx, call, append(env, "PATH="+s.path)); err != nil {
		return a, fmt.Errorf("%w: %s", err, out)
	}
	head, err := os.ReadFile(filepath.Join(s.dir, "header"))
	if err != nil {
		return a, err
	}
	// Curl may get 100 Continue first.
	for {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		_, after, _ := strings.Cut(string(line), " ")
		if a.status, err = strconv.Atoi(strings.Fields(after + " x")[0]); err != nil {
			return a, err
		}
		h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(rest))).ReadMIMEHeader()
		if err != nil {
			return a, err
		}
		a.header = http.Header(h)
		if a.status != http.StatusContinue {
			break
		}
		_, head, _ = bytes.Cut(rest, []byte("\r\n\r\n"))
	}
	a.body, err = os.ReadFile(filepath.Join(s.dir, "body"))
	if os.IsNotExist(err) { // an answer without one
		err = nil
	}
	return a, err
}

// plain runs a script with the curl of the system.
func (s shell) plain(ctx context.Context, script string, env []string) (string, error) {
	return s.bash(ctx, "set -euo pipefail\n"+script, append(env, "PATH="+os.Getenv("PATH")))
}

func (s shell) bash(ctx context.Context, script string, env []string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = s.dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
