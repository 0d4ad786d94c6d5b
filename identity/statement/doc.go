// Package statement identifies people by a qualified electronic signature, of any
// provider in the Union: we make a page that says so, the person signs it as a
// PDF with a program and a device of their own, and brings it back.
//
//	Begin ─▶ one page with a number for one use ─▶ signed elsewhere ─▶ Finish
//
// # What the signature is over
//
// The file that comes back begins with every octet of the page. What follows may
// add one signature, time-stamps, and what proves them; it may not add, hide or
// replace anything that shows, before the signature or after it. Else somebody
// could have a victim sign what looks like a petition. A signature that shows
// itself does so in the lowest part of the page, where nothing of the text is.
// Of the ways to write a PDF only one is read, with a plain cross-reference
// table, and every octet has to be accounted for: see [readFile].
//
// # Whose signature
//
// The certificate is qualified for signatures of people (EN 319 412-5), leads to
// an issuer that a trusted list names, is of now and not revoked; who issued it is
// asked, and silence is a refusal. With a key in a qualified device the
// signature is a qualified one and worth "high", else "substantial". Seals and
// pseudonyms identify nobody. A provider's customer number is never taken for a
// national number.
//
// Sources: CIR (EU) 2025/1944 annex I (REQ-QERDS-5.2.1.1-01 (c), -01A (d)); eIDAS
// art. 3(12), 28; ISO 32000-1 §7.3–§7.5, §12.7, §12.8; RFC 5652, 5035, 6960;
// EN 319 142-1, EN 319 412-1, -2, -5; TS 119 312.
package statement
