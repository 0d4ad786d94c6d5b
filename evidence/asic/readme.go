package asic

import (
	"bytes"
	_ "embed"
)

//go:embed readme.txt
var readmeText []byte

// readme is the guide that goes into every dossier.
func readme() []byte { return bytes.Clone(readmeText) }
