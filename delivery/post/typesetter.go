package post

import (
	"encoding/json"
	"fmt"
)

// newTypesetter makes a typesetter for a configuration that was validated.
func newTypesetter(cfg Config) (*typesetter, error) {
	t := &typesetter{cfg: cfg, countries: newCountries()}
	var err error
	if t.faces, err = newFaces(); err != nil {
		return nil, err
	}
	if t.words, err = loadWords(); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(mailingFile, &t.mailing); err != nil {
		return nil, fmt.Errorf("post: mailing.json: %w", err)
	}
	return t, nil
}
