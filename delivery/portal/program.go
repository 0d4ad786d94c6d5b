package portal

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// The files of the verifier for browsers. Both come out of one build: the script
// belongs to the Go distribution that made the program.
const (
	ProgramFile = "erdverify.wasm.gz" // cmd/erdverify for js/wasm, compressed
	GoScript    = "wasm_exec.js"
)

//go:embed program/worker.js
var workerScript []byte

// programFile is a file that the page of the verifier needs.
type programFile struct {
	data              []byte
	kind, coding, tag string
}

// The paths of these files. The script asks for them by these names.
const (
	workerPath  = "/verify/worker.js"
	scriptPath  = "/verify/" + GoScript
	programPath = "/verify/erdverify.wasm"
	trustPath   = "/verify/trust.json"
)

// readProgram reads all at once, so that what is served belongs together even
// while somebody replaces the files.
func readProgram(fsys fs.FS, a Anchors) (map[string]programFile, error) {
	if fsys == nil {
		return nil, nil
	}
	trust, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	files := map[string]programFile{
		workerPath: {data: workerScript, kind: "text/javascript; charset=utf-8"},
		trustPath:  {data: trust, kind: "application/json"},
	}
	for path, f := range map[string]struct{ name, kind, coding string }{
		programPath: {ProgramFile, "application/wasm", "gzip"},
		scriptPath:  {GoScript, "text/javascript; charset=utf-8", ""},
	} {
		b, err := fs.ReadFile(fsys, f.name)
		if err != nil {
			return nil, fmt.Errorf("portal: verifier for browsers: %w", err)
		}
		files[path] = programFile{data: b, kind: f.kind, coding: f.coding}
	}
	for path, f := range files {
		sum := sha256.Sum256(f.data)
		f.tag = `"` + hex.EncodeToString(sum[:16]) + `"`
		files[path] = f
	}
	return files, nil
}

// serveProgram gives out a file of the verifier. Browsers keep it and ask each
// time whether it is still the one.
func (p *Portal) serveProgram(c echo.Context) error {
	f, ok := p.program[c.Path()]
	if !ok {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	if f.coding != "" {
		h.Set("Content-Encoding", f.coding) // whoever runs WebAssembly reads it
	}
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(f.data))
	return nil
}
