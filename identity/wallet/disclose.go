package wallet

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
)

// disclosure is one claim that the holder chose to show. An element of an array
// has no name.
type disclosure struct {
	name    string
	value   any
	element bool
	used    bool
}

// disclosing puts disclosed claims where their digests stand in the signed ones.
type disclosing struct {
	byDigest map[string]*disclosure
	seen     map[string]bool // every digest found, also decoys
}

// disclose gives the claims of a signed payload with those disclosed in place,
// and without the digests of those that were not. It is an error when a digest
// stands twice, when a disclosure answers to no digest, and when one overrides a
// claim that is there.
//
// RFC 9901 §7.1
func disclose(payload map[string]any, encoded []string) (map[string]any, error) {
	hash, err := digestAlgorithm(payload)
	if err != nil {
		return nil, err
	}
	d := disclosing{byDigest: map[string]*disclosure{}, seen: map[string]bool{}}
	for _, e := range encoded {
		one, err := parseDisclosure(e)
		if err != nil {
			return nil, err
		}
		key := digest(hash, e)
		if d.byDigest[key] != nil {
			return nil, errors.New("a disclosure stands twice")
		}
		d.byDigest[key] = &one
	}
	claims, err := d.object(payload, 0)
	if err != nil {
		return nil, err
	}
	for _, one := range d.byDigest {
		if !one.used {
			return nil, errors.New("a disclosure answers to no digest")
		}
	}
	delete(claims, "_sd_alg")
	return claims, nil
}

// digestAlgorithm is the hash a payload names for its disclosures.
//
// RFC 9901 §4.1.1
func digestAlgorithm(payload map[string]any) (crypto.Hash, error) {
	switch name, given := payload["_sd_alg"]; {
	case !given || name == "sha-256":
		return crypto.SHA256, nil
	case name == "sha-384":
		return crypto.SHA384, nil
	case name == "sha-512":
		return crypto.SHA512, nil
	}
	return 0, errors.New("_sd_alg is not allowed")
}

// digest is over the text as it came, never over what it decodes to.
//
// RFC 9901 §4.2.3
func digest(hash crypto.Hash, s string) string {
	h := hash.New()
	h.Write([]byte(s))
	return toBase64(h.Sum(nil))
}

func parseDisclosure(encoded string) (disclosure, error) {
	raw, err := unbase64(encoded)
	if err != nil {
		return disclosure{}, errors.New("a disclosure is not base64url")
	}
	v, err := parseJSON(raw)
	if err != nil {
		return disclosure{}, fmt.Errorf("a disclosure: %w", err)
	}
	list, _ := v.([]any)
	if len(list) != 2 && len(list) != 3 {
		return disclosure{}, errors.New("a disclosure is not an array of two or three")
	}
	if _, ok := list[0].(string); !ok {
		return disclosure{}, errors.New("a disclosure has no salt")
	}
	if len(list) == 2 {
		return disclosure{value: list[1], element: true}, nil
	}
	name, ok := list[1].(string)
	if !ok || name == "_sd" || name == "..." {
		return disclosure{}, errors.New("a disclosure names no claim")
	}
	return disclosure{name: name, value: list[2]}, nil
}

// find is the disclosure of a digest, nil for a decoy or one that was kept back.
func (d disclosing) find(digest any, element bool) (*disclosure, error) {
	key, ok := digest.(string)
	if !ok {
		return nil, errors.New("a digest is no string")
	}
	if d.seen[key] {
		return nil, errors.New("a digest stands twice")
	}
	d.seen[key] = true
	one := d.byDigest[key]
	if one != nil && one.element != element {
		return nil, errors.New("a disclosure stands for something of another kind")
	}
	if one != nil {
		one.used = true
	}
	return one, nil
}

func (d disclosing) value(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("claims nest too deep")
	}
	switch v := v.(type) {
	case map[string]any:
		return d.object(v, depth)
	case []any:
		return d.array(v, depth)
	}
	return v, nil
}

func (d disclosing) object(m map[string]any, depth int) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for name, v := range m {
		if name == "_sd" {
			continue
		}
		if name == "..." || name == "_sd_alg" && depth > 0 {
			return nil, errors.New("a reserved name stands where it has no meaning")
		}
		done, err := d.value(v, depth+1)
		if err != nil {
			return nil, err
		}
		out[name] = done
	}
	digests, given := m["_sd"]
	if !given {
		return out, nil
	}
	list, ok := digests.([]any)
	if !ok {
		return nil, errors.New("_sd is no array")
	}
	for _, digest := range list {
		one, err := d.find(digest, false)
		if err != nil {
			return nil, err
		}
		if one == nil {
			continue
		}
		if _, there := out[one.name]; there || depth == 0 && alwaysOpen(one.name) {
			return nil, fmt.Errorf("a disclosure overrides %.40q", one.name)
		}
		if out[one.name], err = d.value(one.value, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d disclosing) array(list []any, depth int) ([]any, error) {
	out := []any{}
	for _, v := range list {
		m, _ := v.(map[string]any)
		digest, hidden := m["..."]
		if hidden && len(m) == 1 {
			one, err := d.find(digest, true)
			if err != nil {
				return nil, err
			}
			if one == nil {
				continue
			}
			v = one.value
		}
		done, err := d.value(v, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, done)
	}
	return out, nil
}

// alwaysOpen reports whether a claim decides how the credential is judged: such a
// claim may not be one that the holder can show or keep back.
func alwaysOpen(name string) bool {
	return slices.Contains([]string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "_sd_alg"}, name)
}
