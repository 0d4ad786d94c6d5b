package portal

import (
	"mime/multipart"
	"net/http"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// uploaded is what a script learns of files that it sent while somebody writes.
type uploaded struct {
	Documents []uploadedDocument `json:"documents"`
	Faults    []string           `json:"faults"` // in the reader's language
}

type uploadedDocument struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// uploadDocument takes files of a message being written, for the script that
// shows how far they are. The form does the same without it.
func (p *Portal) uploadDocument(v *visitor) error {
	if ok, err := p.mayWrite(v); !ok {
		return err
	}
	var faults web.Faults
	out := uploaded{Documents: []uploadedDocument{}, Faults: []string{}}
	_, err := readForm(v.Request(), func(part *multipart.Part) error {
		var d delivery.Document
		d, err := p.take(v, part, len(out.Documents), &faults)
		if err == nil && d.ID != "" {
			out.Documents = append(out.Documents, uploadedDocument{string(d.ID), d.Filename, d.Size})
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range faults {
		text, err := p.Web.Text(v, "portal", f.Key, f.Args...)
		if err != nil {
			return err
		}
		out.Faults = append(out.Faults, text)
	}
	status := http.StatusCreated
	if len(out.Documents) == 0 {
		status = http.StatusUnprocessableEntity
	}
	return v.JSON(status, out)
}

// writeToSend is the form for who comes back to it on the way to sending.
func (p *Portal) writeToSend(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	return p.write(v)
}
