// Package pay asks for payments at Mollie: the payer chooses and pays on Mollie's
// pages, and no card number comes near us.
//
// Mollie tells of a change by an id alone; how the payment is, we ask ourselves.
// Whoever else sends that id makes us ask once more, and nothing else.
//
// Sources: Mollie API v2, Payments and Webhooks (docs.mollie.com), read in
// November 2026.
package pay
