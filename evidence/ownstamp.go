package evidence

import "slices"

// OwnStamps lists the events whose evidence has a time-stamp of its own unless
// an operator decides otherwise: what sends, receives, refuses, expires or
// changes a message. The others share that of their batch.
// eIDAS art. 44(1)(f)
func OwnStamps() []Name {
	return []Name{SubmissionAcceptance, SubmissionRejection, SubmissionCancelled,
		ConsignmentAcceptance, ConsignmentRejection, AcceptanceRejectionExpiry,
		ContentHandover, ContentHandoverFailure, RelayToNonERDS}
}

// OwnStamp reports whether n is among [OwnStamps].
func (n Name) OwnStamp() bool { return slices.Contains(OwnStamps(), n) }
