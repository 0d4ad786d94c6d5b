// Package pades makes the evidence that people read: a tagged, archivable PDF
// (PDF/A-3a, PDF/UA-1) that says in plain words what happened, carries the
// signed XML inside, and is sealed (PAdES B-B) and, where the event asks for it,
// time-stamped (B-T).
//
// The way of one document:
//
//	evidence.Document + signed XML ──render──▶ PDF ──pdfsign──▶ signed
//	    ──Stamper──▶ token in the signature ──evidence.Engine checks──▶ stored
//
// [Sealer] goes this way and implements evidence.PDFSealer. [Checker] goes it
// back: it takes a file apart without the library that made it, and implements
// evidence.Checker. The signed XML remains the original; the page repeats it.
// [Extend] appends later what says that no certificate was revoked (B-LT), and
// [Issued] gives back the file as it was, of which digests were recorded.
//
// The writer is ours because the layout is fixed and the general libraries
// either cannot tag or cannot attach. Of three faces the common characters are
// made ready once for all documents, and others are added to the one that has
// them; what no face can show is printed as its code point.
//
// Sources: ISO 32000-1 (PDF 1.7), ISO 19005-3 (PDF/A-3), ISO 14289-1 (PDF/UA-1),
// EN 319 142-1 (PAdES), EN 319 122-1 (CAdES), RFC 5652 (CMS), RFC 3161.
package pades
