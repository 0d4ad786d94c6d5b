// Package delivery is what Bode exists for: messages, their deliveries, and the
// rules by which a delivery moves from submission to evidence.
//
// A rule is a pure method of [Delivery] that returns a [Move]; one function, the
// door ([Service.move]), applies every move in one transaction: lock the row,
// read the clock once, decide, compare-and-set the state, record the event,
// enqueue sealing and notices, commit. No state changes without its event.
//
// Faces (api, portal, collect, submission) and outsides (post, vault) are its
// subdirectories.
//
// Sources: EN 319 522-1 §6, EN 319 521 §5, eIDAS art. 43 and 44.
package delivery
