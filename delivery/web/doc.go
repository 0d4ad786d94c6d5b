// Package web is what Bode's HTML faces share: one layout and design, words in
// four languages, static files, security headers, cookies and problem pages.
//
// A face brings its own pages and words, and renders through [Web.Render]:
//
//	//go:embed pages/*.html
//	var pages embed.FS // pages/start.html, pages/_part.html
//	//go:embed words/*.json
//	var words embed.FS // words/nl.json, fr.json, de.json, en.json
//
//	err = w.AddFace("collect", words, pages)
//	…
//	return w.Render(c, http.StatusOK, "collect/start", startPage{…})
//
// A page file defines "title" (text) and "main" (what stands inside <main>).
// A file whose name begins with _ is a part that every page of the face may use
// by {{template}}. The dot of a page is a [View]: {{.Data}} is what the face
// gave, {{.T "key" "name" value …}} is text from the face's catalog, or else
// from the shared one; {{.Date t}}, {{.Moment t}}, {{.UTC t}}, {{.Size n}} and
// {{.Number n}} write as the reader's language does, moments in Brussels time.
// A missing key makes Render fail, and [Web.AddCatalog] refuses catalogs that do
// not agree, so that no page shows half a translation.
//
// Catalogs are flat JSON objects of strings with {placeholders}. A key that
// counts has two forms, "key.one" and "key.other": {{.N "key" 3}}.
//
// Forms follow one pattern: the data of a page embeds [Faults]; the layout shows
// the error summary with links to the fields, and {{template "input" (.Input
// "name" .Data.Name "type" "email")}} writes label, hint, fault and field, with
// words from "field.name" and, when there is one, "hint.name"; more parts
// are "area", "choice", "radios", "check" and "facts". The data may also have
// a method Chrome() [Chrome], which says what the header shows.
//
// The style sheet has a class for each thing that pages are made of. Text:
// lead, soft, small, code, sr (for those who hear the page). Blocks: card,
// note (good, warn, bad), facts (dl of div of dt and dd), files, timeline (key,
// bad), steps, tiles, hero, empty (when a list has nothing yet). Figures: cards
// (a grid of boxes with a p.figure each; good, warn, bad), bars (ul of li of a
// name, a <meter> and a number), strip (days up, bad or none), progress (a
// <progress> and its words). States: badge or tag (good, warn, bad, off). Lists:
// table.fold (cells with data-label fold on phones; td.num for numbers), scroll
// around a table that cannot fold, filters (form of a search), tabs, pager,
// crumbs. Forms: field, pair, group, pick, actions (buttons; whole width on
// phones), drop (zone for files). Others: row (apart), stack, split, scroll,
// source (pre, with tabindex=0), sheets (pages of a document as pictures). Buttons: button,
// second, quiet, danger. What can be pressed is 2.75rem high, links in text
// excepted. Lengths that depend on data go into <meter>, <progress> or SVG
// attributes, because style attributes are not allowed.
//
// The pages work without JavaScript. Nothing is inline: the policy is
// default-src 'none'. Every method but GET and HEAD is refused when it comes
// from another origin; cookies are SameSite=Lax. Errors that handlers return
// become problem pages by one table, [Web.Fail].
//
// Sources: WCAG 2.2 (AA), RFC 9110 (methods, conditions), RFC 6265bis §4.1.3
// (cookie name prefixes), Content Security Policy Level 3.
package web
