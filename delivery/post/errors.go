package post

import (
	"errors"
	"fmt"

	"github.com/bode-erds/bode/delivery"
)

// Making a letter. All of these are for good: the same letter will fail again,
// so a caller should record EN 319 522-1 §6.2.7 F.2 and tell the sender.
var (
	ErrLetter  = unpostable("post: incomplete letter")                 // a field that must be there is missing, or a language or reason without words
	ErrAddress = unpostable("post: address does not fit on a letter")  // too few or too many lines, too wide, or characters no printer has
	ErrDigest  = unpostable("post: content does not match its digest") // what Open gave is not what was announced
	ErrWeight  = unpostable("post: letter too heavy for the mail")
)

// Handing it over.
var (
	ErrConflict  = unpostable("post: item was handed over with other content")       // for good
	ErrCopyGone  = unpostable("post: item was handed over and its copy was removed") // for good; see Config.KeepCopies
	ErrCancelled = unpostable("post: item was cancelled")                            // for good
	ErrBusy      = errors.New("post: another process is handing over")               // try again
)

// Partners that are reached over a network. All but ErrAnnouncement are worth
// another try, once somebody has looked.
var (
	ErrHostKey      = errors.New("post: the partner's server has another host key than it should")
	ErrSignIn       = errors.New("post: the partner does not let us in")
	ErrThrottled    = errors.New("post: the partner wants to be asked less often")
	ErrAnswer       = errors.New("post: the partner's answer makes no sense")
	ErrAnnouncement = unpostable("post: the postal operator cannot be told of this letter")
)

// unpostable makes an error that comes back however often the letter is handed
// over again. Everything else (a full disk, an unreachable folder) is worth
// another try.
func unpostable(text string) error { return fmt.Errorf("%w: "+text, delivery.ErrUnpostable) }

// Permanent reports whether handing the letter over again is useless.
func Permanent(err error) bool { return errors.Is(err, delivery.ErrUnpostable) }
