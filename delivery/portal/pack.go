package portal

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

//go:embed pack.html.tmpl
var packPage string

// packNode is a value as people read it: one with a text, or one that is made of
// others.
type packNode struct {
	Key  string // as in the JSON; empty for an element of a list
	Name string // in the reader's language
	Text string
	List []packNode
	Leaf bool
}

// pack writes a ZIP file of one thing, for people and for machines: an HTML page
// that needs nothing else, and the same as JSON and as CSV of path and value.
//
// GDPR art. 12(1), 15(3), 20(1)
func pack(w io.Writer, title, lang string, made time.Time, what any, word func(key string) string) error {
	raw, err := json.MarshalIndent(what, "", "  ")
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	root, err := readNode(d, "", word)
	if err != nil {
		return err
	}
	t, err := template.New("pack").Parse(packPage)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	file := func(name string) (io.Writer, error) {
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: made.UTC()})
	}
	out, err := file("data.html")
	if err == nil {
		err = t.Execute(out, map[string]any{"Title": title, "Lang": lang, "Made": made.UTC().Format("2006-01-02 15:04 UTC"), "Root": root, "None": word("none")})
	}
	if err != nil {
		return err
	}
	if out, err = file("data.json"); err != nil {
		return err
	}
	if _, err = out.Write(raw); err != nil {
		return err
	}
	if out, err = file("data.csv"); err != nil {
		return err
	}
	c := csv.NewWriter(out)
	if err := c.Write([]string{"path", "value"}); err != nil {
		return err
	}
	if err := root.csv(c, ""); err != nil {
		return err
	}
	if c.Flush(); c.Error() != nil {
		return c.Error()
	}
	return z.Close()
}

// readNode reads the next value of a JSON document, in the order in which it is
// written.
func readNode(d *json.Decoder, key string, word func(string) string) (n packNode, err error) {
	n.Key = key
	if key != "" {
		n.Name = word(key)
	}
	t, err := d.Token()
	if err != nil {
		return n, err
	}
	open, isOpen := t.(json.Delim)
	if !isOpen {
		if n.Leaf = true; t != nil {
			n.Text = fmt.Sprint(t)
		}
		return n, nil
	}
	for d.More() {
		name := ""
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return n, err
			}
			name = t.(string)
		}
		x, err := readNode(d, name, word)
		if err != nil {
			return n, err
		}
		n.List = append(n.List, x)
	}
	_, err = d.Token()
	return n, err
}

// csv writes the leaves below a node, each with the path that leads there.
func (n packNode) csv(c *csv.Writer, path string) error {
	if n.Leaf {
		return c.Write([]string{path, delivery.SheetCell(n.Text)})
	}
	for i, x := range n.List {
		at := x.Key
		if at == "" {
			at = fmt.Sprint(i + 1)
		}
		if err := x.csv(c, strings.TrimPrefix(path+"/"+at, "/")); err != nil {
			return err
		}
	}
	return nil
}

// Deep reports whether a node holds others that hold others: it gets a heading.
func (n packNode) Deep() bool {
	for _, x := range n.List {
		if !x.Leaf {
			return true
		}
	}
	return false
}
