// Package post puts a delivery that nobody collected on paper: it typesets a
// print-ready A4 letter and hands it to a print and post partner through a
// folder.
//
// # The letter
//
// A cover in the recipient's language with the address where the envelope's
// window is, then the message text, then the content, each part beginning on a
// new sheet: PDF as it is, pictures fitted on a page, office documents as
// [Converter] makes PDF of them. Every sheet carries a Data Matrix code and
// "sheet n/m" in its left margin, so that an inserting machine and the
// recipient can both see that none is missing:
//
//	<item>|<number>|<sheet>/<sheets>|D     (S instead of D: printed on one side)
//
// Pages that are not A4 are turned and shrunk to fit, never enlarged.
// Annotations that would print (filled forms, stamps) become part of the page.
// What cannot go on paper is listed on the cover with its digest and a reason
// from [Cause], and what may look different says so ([Note]); the letter goes out
// all the same. [Previewer] says both before anything is sent, with weight and
// price ([Tariff]).
//
// A page that prints where the sheet code goes is shrunk to stand beside it:
// nothing of the content is covered, and every code can be read.
//
// Where things stand on the sheet is data: windows.json, in millimetres from
// the upper left corner. "din-5008-b" follows DIN 5008 form B (window 20/45,
// 85 × 45 mm, the upper 17.7 mm for the return line, folds at 105 and 210 mm).
// "be-right" is the right-hand window usual in Belgium; envelope makers differ
// by some millimetres, so take the partner's drawing and [ParseWindow] it.
// slack is how far a sheet may slide in its envelope without the address
// leaving the window or anything else entering it. mailing.json holds the
// weights (A4, 80 g/m²: 5 g) and envelope sizes we reckon with; the partner
// decides on the envelope.
//
// # Partners
//
// A [HotFolder] is a folder that a partner reads, on this machine
// ([NewHotFolder]) or on the partner's server ([NewSFTP]); [Pingen] is a partner
// with an interface of its own. Beside a hot folder, an [Operator] such as
// [Bpost] is told of each letter and tracks it. All of them share one desk: it
// typesets a letter once, keeps it in sent, and remembers there what became of
// it. That memory is what makes a repeated call harmless, so it must live as long
// as the deliveries do.
//
// # The folder
//
// We write <item>.pdf and then, last, <item>.json, the manifest; a partner
// looks for manifests only and takes the PDF first, the manifest last, each by
// moving it. Whoever moved the manifest has the letter: a partner that took the
// PDF and finds no manifest any more throws the PDF away, because the letter was
// withdrawn. Letters of test deliveries go to the subfolder test and must not be
// posted. A partner that sees an item twice has one letter, not two: an item's
// name depends on delivery and number alone. A file in cancel asks not to post a
// letter that was taken. A partner answers with files in status:
//
//	{"id": "…", "item": "…", "status": "acknowledged", "sha256": "…", "at": "2026-11-23T09:00:00Z"}
//	{"id": "…", "item": "…", "status": "returned", "cause": "moved", "tracking": "…", "at": "…", "text": "…",
//	 "documents": [{"kind": "envelope", "file": "scan.pdf", "media_type": "application/pdf", "size": 1, "sha256": "…"}]}
//
// best written under another name and renamed to *.json, papers first; a file
// that is still growing is waited for. A daily list, *.csv, says the same in
// columns. Statuses are those of delivery.PostStatus or words of causes.json. An
// acknowledgement echoes the digest of the PDF: one of another letter is set aside
// with an alarm. Files dealt with go to status/done, files that make no sense to
// status/bad. docs/operations.md has the whole contract.
//
// Sources: EN 319 522-1 §6.2.7 F.1 and F.2; ISO/IEC 16022 (Data Matrix);
// ISO 32000-1 §8.10 and §12.5.5 (form XObjects, appearances); DIN 5008;
// UPU S42 (address lines); EXIF 2.32 §4.6.4 (orientation); UPU S10 (item identifiers); RFC 6749 §4.4 (tokens of
// Pingen).
package post
