package main

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// bomCmd prints what this program was built from, as the linker recorded it: who
// has the program has its bill of materials, and the two cannot disagree.
type bomCmd struct{}

// Run writes CycloneDX 1.6 to standard output. The same program always writes the
// same octets.
func (bomCmd) Run() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this program was built without a record of its modules")
	}
	return writeBOM(os.Stdout, info)
}

type bom struct {
	Format       string          `json:"bomFormat"`
	Spec         string          `json:"specVersion"`
	Version      int             `json:"version"`
	Metadata     bomMetadata     `json:"metadata"`
	Components   []bomComponent  `json:"components"`
	Dependencies []bomDependency `json:"dependencies"`
}

type bomMetadata struct {
	Component  bomComponent  `json:"component"`
	Properties []bomProperty `json:"properties,omitempty"`
}

type bomComponent struct {
	Type    string    `json:"type"`
	Ref     string    `json:"bom-ref"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	PURL    string    `json:"purl,omitempty"`
	Hashes  []bomHash `json:"hashes,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type bomProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type bomDependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// writeBOM writes the modules of a build. What depends on what among them is not
// recorded, so all hang on the program. A module's digest is that of go.sum: of the
// list of its files, not of an archive.
func writeBOM(w io.Writer, info *debug.BuildInfo) error {
	b := bom{Format: "CycloneDX", Spec: "1.6", Version: 1}
	b.Metadata.Component = moduleComponent("application", debug.Module{Path: info.Main.Path, Version: cmp.Or(info.Main.Version, "(devel)")})
	for _, s := range info.Settings {
		if slices.Contains([]string{"CGO_ENABLED", "GOARCH", "GOOS", "-tags", "-trimpath"}, s.Key) {
			b.Metadata.Properties = append(b.Metadata.Properties, bomProperty{"go:build:" + s.Key, s.Value})
		}
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	b.Components = []bomComponent{{Type: "library", Ref: "pkg:golang/std@" + std, Name: "std", Version: std, PURL: "pkg:golang/std@" + std}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, moduleComponent("library", *m))
	}
	all := bomDependency{Ref: b.Metadata.Component.Ref, On: []string{}}
	for _, c := range b.Components {
		all.On = append(all.On, c.Ref)
	}
	b.Dependencies = []bomDependency{all}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(b)
}

func moduleComponent(kind string, m debug.Module) bomComponent {
	purl := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	c := bomComponent{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == 32 {
		c.Hashes = []bomHash{{"SHA-256", hex.EncodeToString(sum)}}
	}
	return c
}
