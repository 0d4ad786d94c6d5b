// Package invoice makes documents of invoices: a tagged PDF for people, and UBL by
// Peppol BIS Billing 3.0 for machines, in four languages. It implements
// delivery.InvoicePapers, and with [Folder] delivery.InvoiceNetwork: an access
// point of the Peppol network takes invoices from there, we speak to none.
//
// Sources: EN 16931-1, Peppol BIS Billing 3.0, UBL 2.1, ISO 32000-1 §14.8.
package invoice
