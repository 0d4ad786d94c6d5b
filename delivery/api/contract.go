package api

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/bode-erds/bode/delivery"
)

//go:embed openapi/*.yaml
var openapiFiles embed.FS

// contract is the OpenAPI document, its schemas compiled once.
type contract struct {
	doc     map[string]any
	json    []byte
	schemas map[string]*jsonschema.Schema // of the bodies of requests, by name
}

func loadContract() (*contract, error) {
	c := &contract{schemas: map[string]*jsonschema.Schema{}}
	var err error
	if c.doc, err = readContract(openapiFiles); err != nil {
		return nil, fmt.Errorf("api: contract: %w", err)
	}
	if c.json, err = json.Marshal(c.doc); err != nil {
		return nil, fmt.Errorf("api: contract: %w", err)
	}
	var plain any
	if err := json.Unmarshal(c.json, &plain); err != nil {
		return nil, fmt.Errorf("api: contract: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", plain); err != nil {
		return nil, fmt.Errorf("api: contract: %w", err)
	}
	for _, name := range bodies(c.doc) {
		if c.schemas[name], err = compiler.Compile("openapi.json" + schemaRef + name); err != nil {
			return nil, fmt.Errorf("api: contract: %w", err)
		}
	}
	return c, nil
}

// structural faults make a body unreadable; the others have better words in the
// domain.
var structural = map[string]bool{"type": true, "unknown_field": true}

// Bounds of what a hostile body can make us say.
const (
	maxFaults    = 100
	maxCollected = 1000 // before they are sorted
)

// check holds a decoded body against a schema and returns every fault, at most
// 100 of them.
func (c *contract) check(schema string, body any) delivery.FieldErrors {
	err := c.schemas[schema].Validate(body)
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return nil
	}
	var out delivery.FieldErrors
	collect(v, &out)
	slices.SortStableFunc(out, func(a, b delivery.FieldError) int { return compare(a.Pointer, b.Pointer) })
	return out[:min(len(out), maxFaults)]
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// merge puts together what the schema and what the domain found. The schema
// knows what is absent; of everything else the domain speaks better.
func merge(schema, domain delivery.FieldErrors) delivery.FieldErrors {
	within := func(p, q string) bool { return p == q || strings.HasPrefix(p, q+"/") }
	var out delivery.FieldErrors
	for _, f := range schema {
		if f.Code == "required" {
			out = append(out, f)
		}
	}
	absent := out[:len(out):len(out)]
	for _, f := range domain {
		if !slices.ContainsFunc(absent, func(x delivery.FieldError) bool { return within(f.Pointer, x.Pointer) }) {
			out = append(out, f)
		}
	}
	said := out[:len(out):len(out)]
	for _, f := range schema {
		if !slices.ContainsFunc(said, func(x delivery.FieldError) bool {
			return within(f.Pointer, x.Pointer) || within(x.Pointer, f.Pointer)
		}) {
			out = append(out, f)
		}
	}
	return out[:min(len(out), maxFaults)]
}

// collect turns the leaves of a validation error into faults.
func collect(v *jsonschema.ValidationError, out *delivery.FieldErrors) {
	if len(*out) >= maxCollected {
		return
	}
	if len(v.Causes) > 0 {
		for _, c := range v.Causes {
			collect(c, out)
		}
		return
	}
	add := func(path []string, code string, args ...string) {
		f := delivery.FieldError{Pointer: jsonPointer(path), Code: code}
		for i := 0; i+1 < len(args); i += 2 {
			if f.Args == nil {
				f.Args = map[string]string{}
			}
			f.Args[args[i]] = args[i+1]
		}
		*out = append(*out, f)
	}
	at := v.InstanceLocation
	under := func(name string) []string { return append(slices.Clone(at), name) }
	switch k := v.ErrorKind.(type) {
	case *kind.Required:
		for _, m := range k.Missing {
			add(under(m), "required")
		}
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			add(under(p), "unknown_field")
		}
	case *kind.Type:
		add(at, "type", "want", fmt.Sprint(k.Want))
	case *kind.Enum:
		add(at, "unsupported", "allowed", fmt.Sprint(k.Want...))
	case *kind.MaxItems:
		add(at, "too_many", "max", strconv.Itoa(k.Want), "is", strconv.Itoa(k.Got))
	case *kind.MinItems:
		add(at, "count", "min", strconv.Itoa(k.Want), "max", "", "is", strconv.Itoa(k.Got))
	case *kind.MinLength:
		add(at, "length", "min", strconv.Itoa(k.Want), "max", "", "is", strconv.Itoa(k.Got))
	case *kind.MaxLength:
		add(at, "length", "min", "0", "max", strconv.Itoa(k.Want), "is", strconv.Itoa(k.Got))
	default:
		add(at, "malformed")
	}
}
