package api

import (
	"cmp"
	"slices"
	"strings"
)

// problems says of every operation, as "x-problems", with which codes it may be
// refused: those that follow from what it takes, and those it names itself.
func problems(doc map[string]any) {
	for _, o := range operations(doc) {
		named, _ := o.op["x-problems"].([]any)
		codes := named[:len(named):len(named)]
		for _, code := range o.problems(doc) {
			codes = append(codes, code)
		}
		slices.SortFunc(codes, func(a, b any) int {
			x, _ := a.(string)
			y, _ := b.(string)
			return cmp.Compare(x, y)
		})
		o.op["x-problems"] = slices.Compact(codes)
	}
}

// problems are the codes that follow from the operation's own description.
func (o operation) problems(doc map[string]any) []string {
	codes := []string{"internal", "timeout", "too_many_requests", "unavailable"}
	if security, open := o.op["security"].([]any); !open || len(security) > 0 {
		codes = append(codes, "unauthorized")
	}
	parameters, _ := o.op["parameters"].([]any)
	for _, p := range parameters {
		if ref, _ := within(p, "$ref").(string); ref != "" {
			p = examples{doc}.follow(ref)
		}
		in, _ := within(p, "in").(string)
		name, _ := within(p, "name").(string)
		codes = append(codes, map[string][]string{
			"path":                   {"not_found"},
			"query limit":            {"limit_malformed"},
			"query cursor":           {"cursor_malformed"},
			"header Repr-Digest":     {"digest_malformed", "digest_mismatch"},
			"header Idempotency-Key": {"idempotency_key_malformed", "idempotency_key_reused"},
		}[strings.TrimSuffix(in+" "+map[bool]string{false: name}[in == "path"], " ")]...)
	}
	if content, _ := within(o.op, "requestBody", "content").(map[string]any); content != nil {
		codes = append(codes, "body_interrupted", "body_too_large", "content_encoding_unsupported", "unsupported_media_type")
		if content["application/json"] != nil {
			codes = append(codes, "invalid", "malformed_json")
		}
	}
	return codes
}

// ProblemTexts are the titles of all problems in a language, by code.
func ProblemTexts(lang string) (map[string]string, error) {
	w, err := loadWords()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for key, text := range w.catalogs[w.match(lang)] {
		if code, ok := strings.CutPrefix(key, "problem."); ok {
			out[code] = text
		}
	}
	return out, nil
}
