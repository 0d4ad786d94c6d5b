package main

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/bode-erds/bode/delivery/api"
)

// openapiCmd gives the contract of the API to generators and to people, without
// a running service.
type openapiCmd struct {
	Out string `help:"Write to this file. Default: standard output." type:"path"`
}

func (c openapiCmd) Run() error {
	doc, err := api.Document()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, doc, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	if c.Out == "" {
		_, err = os.Stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(c.Out, b.Bytes(), 0o644)
}
