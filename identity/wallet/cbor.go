package wallet

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// readCBOR reads one CBOR text and nothing after it. It refuses what two readers
// could understand differently (keys given twice, names in another case, texts
// that are no UTF-8) and what only wastes our time (depth, indefinite lengths,
// millions of elements).
func readCBOR(b []byte, v any) error {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		MaxNestedLevels: maxDepth, MaxArrayElements: 4096, MaxMapPairs: 1024,
		TimeTag: cbor.DecTagOptional, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		DefaultMapType: reflect.TypeFor[map[string]any](), UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	if err := mode.Unmarshal(b, v); err != nil {
		return errors.New("malformed CBOR")
	}
	return nil
}

// embedded is the CBOR text inside a byte string of tag 24.
//
// RFC 8949 §3.4.5.1
func embedded(raw cbor.RawMessage) ([]byte, error) {
	var tag cbor.RawTag
	if err := readCBOR(raw, &tag); err != nil || tag.Number != 24 {
		return nil, errors.New("not an embedded CBOR text")
	}
	var b []byte
	if err := readCBOR(tag.Content, &b); err != nil {
		return nil, errors.New("not an embedded CBOR text")
	}
	return b, nil
}

// embed wraps a CBOR text for embedded.
func embed(b []byte) ([]byte, error) { return cbor.Marshal(cbor.Tag{Number: 24, Content: b}) }
