package pades

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/bode-erds/bode/evidence"
)

// attached is the evidence.xml inside and what stands beside it.
func (f *sealedFile) attached() ([]byte, evidence.Beside, error) {
	files, err := f.files()
	if err == nil && len(files[AttachmentName]) == 0 {
		err = errAttached
	}
	if err != nil {
		return nil, evidence.Beside{}, err
	}
	return files[AttachmentName], evidence.Beside{Record: files[RecordName], Proof: files[ProofName]}, nil
}

// files are the files inside, by name. A file of another name is refused, and so
// is one that is not to the page what it should be, or not among those that
// belong to the document. ISO 32000-1 §7.11.4; ISO 19005-3 §6.8
func (f *sealedFile) files() (map[string][]byte, error) {
	_, names, err := f.follow(f.catalog, "Names")
	if err != nil {
		return nil, err
	}
	tree, err := readDict(names["EmbeddedFiles"])
	if err != nil {
		return nil, err
	}
	list, err := readArray(tree["Names"])
	if err != nil {
		return nil, err
	}
	if len(list) > 6 || len(list)%2 != 0 || !names.only("EmbeddedFiles") || !tree.only("Names") {
		return nil, fmt.Errorf("%w: the list of files", errAttached)
	}
	files := map[string][]byte{}
	af := []byte("[")
	for ; len(list) > 0; list = list[2:] {
		name := string(bytes.Trim(list[0], "()"))
		if _, twice := files[name]; twice || string(list[0]) != "("+name+")" {
			return nil, fmt.Errorf("%w: %q", errAttached, list[0])
		}
		if files[name], err = f.file(name, list[1]); err != nil {
			return nil, err
		}
		af = append(append(af, list[1]...), ' ')
	}
	id, err := f.catalog.ref("AF")
	if err != nil {
		return nil, err
	}
	if listed, _, err := f.object(id); err != nil || !bytes.Equal(listed, append(af, ']')) {
		return nil, fmt.Errorf("%w: files that do not belong to the document", errAttached)
	}
	return files, nil
}

// file is the content of the file of that name that spec refers to.
func (f *sealedFile) file(name string, specRef []byte) ([]byte, error) {
	relation := "/Supplement"
	switch name {
	case AttachmentName:
		relation = "/Source"
	case RecordName, ProofName:
	default:
		return nil, fmt.Errorf("%w: a file %q", errAttached, name)
	}
	bad := fmt.Errorf("%w: %s", errAttached, name)
	id, err := readRef(specRef)
	if err != nil {
		return nil, err
	}
	spec, err := f.dict(id)
	if err != nil {
		return nil, err
	}
	ef, err := readDict(spec["EF"])
	if err != nil {
		return nil, err
	}
	if !spec.only("Type", "F", "UF", "AFRelationship", "Desc", "EF") || !spec.is("AFRelationship", relation) ||
		!spec.is("F", "("+name+")") || !spec.is("UF", text(name)) || !ef.only("F", "UF") || !bytes.Equal(ef["F"], ef["UF"]) {
		return nil, bad
	}
	if id, err = ef.ref("F"); err != nil {
		return nil, err
	}
	d, data, err := f.stream(id)
	if err != nil {
		return nil, err
	}
	params, err := readDict(d["Params"])
	if err != nil {
		return nil, err
	}
	size, ok := number(params["Size"])
	if !ok || size > maxAttached || !d.only("Type", "Subtype", "Params", "Filter", "Length") {
		return nil, bad
	}
	out, err := inflate(data, string(d["Filter"]), size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bad, err)
	}
	return out, nil
}

// inflate decodes data, which must give exactly size octets.
func inflate(data []byte, filter string, size int) ([]byte, error) {
	switch filter {
	case "/FlateDecode":
	case "[/ASCIIHexDecode /FlateDecode]":
		plain := make([]byte, len(data)/2)
		if _, err := hex.Decode(plain, bytes.TrimSuffix(data, []byte(">"))); err != nil {
			return nil, err
		}
		data = plain
	default:
		return nil, fmt.Errorf("filter %q", filter)
	}
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(z, out); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(z, make([]byte, 1)); err != io.EOF {
		return nil, errors.New("not of the stated size")
	}
	return out, nil
}
