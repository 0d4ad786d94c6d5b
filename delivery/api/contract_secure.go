package api

import (
	"strings"
)

// secure writes into every operation which scope a key needs, and into its own
// answers what they say of the rate, so that neither can differ from what the code
// does.
func secure(doc map[string]any) {
	paths, _ := doc["paths"].(map[string]any)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		for method, o := range operations {
			op, ok := o.(map[string]any)
			if !ok {
				continue
			}
			limited(op)
			if _, said := op["security"]; said {
				continue
			}
			scopes := []any{}
			if s := scopeOf(strings.ToUpper(method), path); s != "" {
				scopes = append(scopes, string(s))
			}
			op["security"] = []any{map[string]any{"key": scopes}, map[string]any{"client": scopes}}
		}
	}
}

// limited adds the headers of the rate to the answers that an operation describes
// itself.
func limited(op map[string]any) {
	if s, ok := op["security"].([]any); ok && len(s) == 0 && op["operationId"] != "grantToken" {
		return // open to everybody, and not counted
	}
	responses, _ := op["responses"].(map[string]any)
	for _, r := range responses {
		answer, ok := r.(map[string]any)
		if !ok || answer["$ref"] != nil {
			continue
		}
		headers, _ := answer["headers"].(map[string]any)
		if headers == nil {
			headers = map[string]any{}
		}
		for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
			headers[name] = map[string]any{"$ref": "#/components/headers/" + name}
		}
		answer["headers"] = headers
	}
}
