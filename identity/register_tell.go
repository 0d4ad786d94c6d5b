package identity

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// tellExtended tells who asked that the answer takes longer, why, and until when.
// Who gave no address of e-mail was told by letter.
//
// GDPR art. 12(3)
func (s *Service) tellExtended(ctx context.Context, tx pgx.Tx, e Entry) error {
	if !isMail(e.Fields["address"]) {
		return nil
	}
	lang := e.Fields["language"]
	if !slices.Contains([]string{"nl", "fr", "de", "en"}, lang) {
		lang = "nl"
	}
	return s.tell(ctx, tx, Note{Kind: NoteRequestExtended, Channel: "email", To: e.Fields["address"], Language: lang, Ref: e.ID})
}

// registerFacts are those of a note about an entry of a register, which is its Ref.
func (s *Service) registerFacts(ctx context.Context, n Note) (f NoteFacts, err error) {
	r, state := Processors, ""
	if n.Kind == NoteRequestExtended {
		r, state = Requests, "extended"
	}
	history, err := s.EntryHistory(ctx, System, r, n.Ref)
	if err != nil {
		return f, ErrStale
	}
	e := history[0]
	if state != "" {
		if e.State != state || e.Due == nil {
			return f, ErrStale
		}
		return NoteFacts{Name: e.Fields["name"], Reason: e.Fields["extended_because"], Until: *e.Due}, nil
	}
	p, ok := processorOf(e)
	if !ok || !p.From.After(s.now()) {
		return f, ErrStale
	}
	return NoteFacts{Who: p.Name + " (" + p.Country + ")", Reason: p.Task[n.Language] + ": " + p.Data[n.Language] + ".", Until: p.From, Path: pathProcessors}, nil
}
