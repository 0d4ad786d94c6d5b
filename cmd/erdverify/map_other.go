//go:build !unix && !js

package main

import "os"

// maxDossier bounds what is read into memory where files cannot be mapped.
const maxDossier = 1 << 30

func mapped(f *os.File, size int64) ([]byte, error) { return whole(f, size, maxDossier) }
