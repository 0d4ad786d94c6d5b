// Package collect is the face for recipients: the pages behind the link
// /c/{token} of an announcement.
//
// A recipient goes one way, and every address knows its place on it:
//
//	start ─▶ codes ─▶ identify ─▶ decide ─▶ read ─▶ done
//	                                  └───▶ refuse ─▶ done
//
// How far a browser came is a row of the database behind a cookie, never a
// field of a form: whoever asks for a page that is not next is sent to the one
// that is ([visit.where]). Pages work without JavaScript.
//
// GET proves nothing and changes nothing: link scanners, previews and reloads
// open links. What counts is a POST: asking for codes (D.5), finishing the
// identification, accepting (C.3), refusing (C.4), and every transfer of content
// (D.6, E.1). The start page shows who sends, when and until when, and nothing
// of the content, not even the subject; nor does any page before the decision.
//
// Sources: EN 319 522-1 §6.2.4, §6.2.5, §6.2.6; EN 319 521 REQ-QERDS-5.2.1.1-01;
// eIDAS art. 44(1)(c); R13 to R17.
package collect
