// Package bounce is a small mail server for what comes back: reports of mail
// systems, complaints, automatic answers. It takes mail for return paths that we
// made and for nothing else, says what it means for one attempt of one notice,
// and answers 250 once that is stored.
//
// What a report says is decided by its Action field alone. A queue that gave up
// says "failed" with a status of the class of delays, and one system says
// "relayed" where another says "delivered" of the same fact: what the recipient's
// side only passed on is never taken for a mailbox.
//
// Sources: RFC 3464 (delivery reports), RFC 6533 (the same with international
// addresses), RFC 5965 (complaints), RFC 3834 (automatic answers), RFC 8098
// (disposition notifications, which prove nothing here).
package bounce
