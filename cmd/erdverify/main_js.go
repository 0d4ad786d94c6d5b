// Command erdverify, in a browser: a worker of the page calls erdverify(files,
// trust, lang) and gets JSON. Files is an array of {name, bytes: Uint8Array},
// trust is {ca, tsa, log}, PEM and the text of log.pub. Nothing is read from or
// sent to anywhere else.
package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"syscall/js"

	"github.com/bode-erds/bode/evidence"
)

// outcome is the answer to the page.
type outcome struct {
	Error   string   `json:"error,omitempty"` // nothing was checked
	Anchors []anchor `json:"anchors"`
	Log     string   `json:"log,omitempty"` // the key of the public log
	Results []result `json:"results"`
}

func main() {
	js.Global().Set("erdverify", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if len(args) != 3 {
			return answerJS(outcome{Error: "want files, trust and lang"})
		}
		return answerJS(judgeAll(args[0], args[1], args[2].String()))
	}))
	select {}
}

func answerJS(o outcome) string {
	b, err := json.Marshal(o)
	if err != nil {
		return `{"error":"the report cannot be written"}`
	}
	return string(b)
}

// judgeAll reports on every file; those that stand beside an XML are part of it.
func judgeAll(list, trust js.Value, lang string) (o outcome) {
	seal, tsa := textOf(trust, "ca"), textOf(trust, "tsa")
	var log []byte
	if trust.Get("log").Truthy() {
		log = textOf(trust, "log")
	}
	t, err := evidence.ParseTrust(seal, tsa, log)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	o.Log = t.Log
	o.Anchors = append(anchorsOf("seal", seal), anchorsOf("timestamp", tsa)...)
	// The index in front tells files of the same name apart.
	paths := make([]string, list.Length())
	for i := range paths {
		paths[i] = strconv.Itoa(i) + "/" + list.Index(i).Get("name").String()
	}
	docs, loose := pair(paths, func(string) bool { return false })
	for _, path := range loose {
		docs = append(docs, wanted{doc: path}) // to be refused
	}
	for _, w := range docs {
		name, doc := take(list, w.doc)
		var b evidence.Beside
		_, b.Record = take(list, w.record)
		_, b.Proof = take(list, w.proof)
		o.Results = append(o.Results, judge(doc, b, t).said(name, lang))
	}
	return o
}

// take copies a file out of the browser; nil for none.
func take(list js.Value, path string) (name string, b []byte) {
	index, name, _ := strings.Cut(path, "/")
	i, err := strconv.Atoi(index)
	if err != nil {
		return "", nil
	}
	src := list.Index(i).Get("bytes")
	b = make([]byte, src.Length())
	js.CopyBytesToGo(b, src)
	return name, b
}

func textOf(v js.Value, key string) []byte { return []byte(v.Get(key).String()) }
