package api

import (
	"encoding/json"
	"fmt"
)

// Document is the contract as it is served at Prefix + "/openapi.json": one
// OpenAPI 3.1 document with the members of its objects in order, the same octets
// each time.
func Document() ([]byte, error) {
	doc, err := readContract(openapiFiles)
	if err != nil {
		return nil, fmt.Errorf("api: contract: %w", err)
	}
	return json.Marshal(doc)
}
