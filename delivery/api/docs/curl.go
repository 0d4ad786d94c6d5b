package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// identifier is what a reader has to fill in: an object's, or the digest of one.
var identifier = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{64})$`)

// instant in a body is to be filled in too: that of an example passes.
var instant = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+Z$`)

// variable is the name that an identifier has in a call: of what comes before it
// in a path, or of the member that holds it. "deliveries" becomes DELIVERY.
func variable(of string) string {
	of = strings.TrimSuffix(strings.TrimSuffix(of, "_ids"), "_id")
	switch {
	case strings.HasSuffix(of, "ies"):
		of = strings.TrimSuffix(of, "ies") + "y"
	case strings.HasSuffix(of, "ches"):
		of = strings.TrimSuffix(of, "es")
	default:
		of = strings.TrimSuffix(of, "s")
	}
	return strings.ToUpper(strings.ReplaceAll(of, "-", "_"))
}

// path fills the parameters of the path in: identifiers as variables, the others
// with their example.
func (o operation) path() string {
	steps := strings.Split(o.Path, "/")
	for i, step := range steps {
		for _, p := range o.Parameters {
			if p.In != "path" || !strings.Contains(step, "{"+p.Name+"}") {
				continue
			}
			value := "$" + variable(steps[i-1])
			if !p.word {
				value = "1"
				if p.Example != nil {
					value = fmt.Sprint(p.Example)
				}
			} else if text, ok := p.Example.(string); ok && len(text) > 36 && identifier.MatchString(text[:36]) {
				value = "${" + variable(steps[i-1]) + "}" + text[36:] // an identifier and what follows it
			} else if ok && !identifier.MatchString(text) {
				value = url.PathEscape(text)
			}
			steps[i] = strings.Replace(step, "{"+p.Name+"}", value, 1)
		}
	}
	return strings.Join(steps, "/")
}

// curl is a call that can be pasted into a shell in which BODE_KEY and the
// variables are set.
func (o operation) curl(base string) string {
	target := base + "/api/v1" + o.path()
	if query := o.query(); query != "" {
		target += "?" + query
	}
	lines := []string{"curl -sS -X " + o.Method + ` "` + target + `"`}
	if !o.Open {
		lines = append(lines, `-H "Authorization: Bearer $BODE_KEY"`)
	}
	if slices.ContainsFunc(o.Parameters, func(p parameter) bool { return p.Name == "Idempotency-Key" }) {
		lines = append(lines, `-H "Idempotency-Key: example-$(date +%s)-$RANDOM"`)
	}
	end := ""
	if o.Body != nil {
		more, rest := o.Body.curl()
		lines, end = append(lines, more...), rest
	}
	if kind := o.download(); kind != "" {
		lines = append(lines, "-o answer"+kind)
	}
	return strings.Join(lines, " \\\n  ") + end
}

// query is what a call cannot do without: identifiers as variables.
func (o operation) query() string {
	var list []string
	for _, p := range o.Parameters {
		if p.In != "query" || !p.Required {
			continue
		}
		value := url.QueryEscape(fmt.Sprint(p.Example))
		if identifier.MatchString(value) {
			value = "$" + variable(p.Name)
		}
		list = append(list, url.QueryEscape(p.Name)+"="+value)
	}
	slices.Sort(list)
	return strings.Join(list, "&")
}

// curl is how a body is given, and what follows the command.
func (b body) curl() (lines []string, end string) {
	for _, m := range b.Media {
		if m.Type == "application/json" && m.Example != nil {
			return []string{"-H 'Content-Type: application/json'", "--data @- <<JSON"}, "\n" + quoted(m.Example) + "\nJSON"
		}
	}
	m := b.Media[0]
	if text, ok := m.Example.(string); ok {
		return []string{"-H 'Content-Type: " + m.Type + "'", "--data-binary @- <<'END'"}, "\n" + strings.TrimSuffix(text, "\n") + "\nEND"
	}
	if members, ok := m.Example.(map[string]any); ok { // a form
		for _, name := range slices.Sorted(maps.Keys(members)) {
			lines = append(lines, fmt.Sprintf("--data-urlencode '%s=%v'", name, members[name]))
		}
		return lines, ""
	}
	return []string{"-H 'Content-Type: text/plain; charset=utf-8'", "--data-binary 'We end the lease on 31 March.'"}, ""
}

// quoted is an example for a here-document: what has to be filled in becomes a
// variable, and nothing else means anything to the shell.
func quoted(example any) string {
	b, err := json.MarshalIndent(named(example, "", func(member string) string { return "\x00" + variable(member) }), "", "  ")
	if err != nil {
		return ""
	}
	text := strings.NewReplacer(`\`, `\\`, "$", `\$`, "`", "\\`").Replace(string(b))
	return strings.ReplaceAll(text, `\\u0000`, "$")
}

// named replaces the identifiers and instants in an example by what name makes of
// the member that holds them.
func named(v any, member string, name func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = named(x, k, name)
		}
		return out
	case []any:
		out := []any{}
		for _, x := range v {
			out = append(out, named(x, member, name))
		}
		return out
	case string:
		if identifier.MatchString(v) || instant.MatchString(v) {
			return name(member)
		}
	}
	return v
}

// variables are what has to be filled in before a call, without BODE_KEY.
func (o operation) variables() []string {
	set := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{?([A-Z_]+)`).FindAllStringSubmatch(o.path()+"?"+o.query(), -1) {
		set[m[1]] = true
	}
	if o.Body != nil {
		for _, m := range o.Body.Media {
			if m.Type == "application/json" {
				named(m.Example, "", func(member string) string { set[variable(member)] = true; return "" })
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// download is the ending of a file that the operation gives; "" when it gives
// JSON or nothing.
func (o operation) download() string {
	for _, a := range o.Answers {
		for _, m := range a.Media {
			if m.Type == "application/json" {
				continue
			}
			if ending, ok := map[string]string{"application/pdf": ".pdf", "application/xml": ".xml", "text/csv": ".csv", "application/vnd.etsi.asic-e+zip": ".asice"}[m.Type]; ok {
				return ending
			}
			return ".bin"
		}
	}
	return ""
}
