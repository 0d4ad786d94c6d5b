package delivery

import "github.com/bode-erds/bode/identity"

// TaxOf is the VAT on so many cents that a seller asks of a buyer.
func TaxOf(s Seller, b identity.AccountProfile, rate int, cents int64) int64 {
	return s.taxOf(b, rate).on(cents)
}
