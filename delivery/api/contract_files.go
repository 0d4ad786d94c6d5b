package api

import (
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"
)

const schemaRef = "#/components/schemas/"

// readContract puts the files of an OpenAPI document together: openapi.yaml is
// the document, every other file adds paths, tags and components to it. What two
// files say is an error, so that none hides another.
func readContract(fsys fs.FS) (map[string]any, error) {
	files, err := fs.Glob(fsys, "openapi/*.yaml")
	if err != nil {
		return nil, err
	}
	doc := map[string]any{}
	for _, name := range files {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		part := map[string]any{}
		if err := yaml.Unmarshal(b, &part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := join(doc, part, ""); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	secure(doc)
	exemplify(doc)
	problems(doc)
	return doc, nil
}

// join adds from to to: objects member by member, lists at the end.
func join(to, from map[string]any, at string) error {
	for k, v := range from {
		here := at + "/" + k
		was, there := to[k]
		switch v := v.(type) {
		case map[string]any:
			if !there {
				was = map[string]any{}
			}
			m, ok := was.(map[string]any)
			if !ok {
				return fmt.Errorf("%s is said twice", here)
			}
			if err := join(m, v, here); err != nil {
				return err
			}
			to[k] = m
		case []any:
			list, ok := was.([]any)
			if there && (!ok || at != "") {
				return fmt.Errorf("%s is said twice", here)
			}
			to[k] = append(append([]any{}, list...), v...) // an empty list says something, null does not
		default:
			if there {
				return fmt.Errorf("%s is said twice", here)
			}
			to[k] = v
		}
	}
	return nil
}

// bodies are the schemas that the JSON bodies of requests are held against.
func bodies(doc map[string]any) (names []string) {
	paths, _ := doc["paths"].(map[string]any)
	for _, p := range paths {
		operations, _ := p.(map[string]any)
		for _, o := range operations {
			ref, _ := within(o, "requestBody", "content", "application/json", "schema", "$ref").(string)
			if len(ref) > len(schemaRef) {
				names = append(names, ref[len(schemaRef):])
			}
		}
	}
	return names
}

// within follows keys into nested objects; nil where there is nothing.
func within(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}
