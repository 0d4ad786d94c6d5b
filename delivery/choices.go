package delivery

import "time"

// Choices are what the recipient chose about how to be reached.
type Choices struct {
	PaperAt *time.Time `json:"paper_at,omitempty"` // asked for the message on paper
}

// Paper reports that the recipient asked for paper.
func (c Choices) Paper() bool { return c.PaperAt != nil }

// LetterBegun is as what a letter was begun; it does not change however long it
// takes to hand it over.
type LetterBegun struct {
	Reason  string    `json:"reason"`   // of Delivery.PostReason
	EndedAt time.Time `json:"ended_at"` // when the electronic way ended
}
