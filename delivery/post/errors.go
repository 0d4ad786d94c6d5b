package post

import "errors"

// Making a letter. All of these are for good: the same letter will fail again,
// so a caller should record EN 319 522-1 §6.2.7 F.2 and tell the sender.
var (
	ErrLetter  = errors.New("post: incomplete letter")                 // a field that must be there is missing, or a language or reason without words
	ErrAddress = errors.New("post: address does not fit on a letter")  // too few or too many lines, too wide, or characters no printer has
	ErrDigest  = errors.New("post: content does not match its digest") // what Open gave is not what was announced
	ErrWeight  = errors.New("post: letter too heavy for the mail")
)

// Handing it over.
var (
	ErrConflict = errors.New("post: item was handed over with other content")       // for good
	ErrCopyGone = errors.New("post: item was handed over and its copy was removed") // for good; see Config.KeepCopies
	ErrBusy     = errors.New("post: another process is handing over")               // try again
)

// Permanent reports whether err will come back however often the letter is
// handed over again. Everything else (a full disk, an unreachable folder) is
// worth another try.
func Permanent(err error) bool {
	for _, e := range []error{ErrLetter, ErrAddress, ErrDigest, ErrWeight, ErrConflict, ErrCopyGone} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
