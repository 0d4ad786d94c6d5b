// Package docs shows the documentation of the API as pages: a start page and
// guides, and every operation of the OpenAPI document with its parameters, bodies,
// problems and a call for curl. Nothing is fetched from anywhere and no script is
// needed; the browser's own search finds everything, since each group of
// operations is one page.
//
// What the pages say of operations is in the contract and nowhere else.
package docs
