package evidence

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// lintXML holds a document against the matrix as it is written: what it says
// when a document is not the one that its own event gives. The document need not
// be well-formed to its end.
func lintXML(doc []byte) []Finding {
	times, event := countElements(doc)
	name := NameOf(event)
	if name == "" {
		return []Finding{{"en319522", "EN 319 522-2 §8.2 G03", "event identifier: none that is known, every event asks for 1"}}
	}
	return lintMatrix(name, func(c component) (n int) {
		for _, p := range c.paths {
			n += times[p]
		}
		return n
	})
}

// countElements counts what stands where in doc, by local names below the root,
// and gives the text of the event identifier. Components lie three deep.
func countElements(doc []byte) (times map[string]int, event string) {
	const deepest, longest = 4, 40 // of paths and of names
	times = map[string]int{}
	dec := xml.NewDecoder(bytes.NewReader(doc))
	var path []string
	for {
		tok, err := dec.RawToken()
		if err != nil {
			return times, event
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(t.Name.Local) > longest {
				t.Name.Local = "" // none of ours
			}
			path = append(path, t.Name.Local)
			switch {
			case len(path) == 1:
				for _, a := range t.Attr {
					if a.Name.Local == "version" {
						times["@version"]++
					}
				}
			case len(path) <= deepest:
				times[strings.Join(path[1:], "/")]++
			}
		case xml.EndElement:
			if len(path) == 0 {
				return times, event
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) == 2 && path[1] == "ERDSEventId" {
				event += string(t)
			}
		}
	}
}
