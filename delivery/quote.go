package delivery

import "errors"

// ErrNoPrices: nobody is charged here.
var ErrNoPrices = errors.New("delivery: nobody is charged here")

// Quote is what a submission costs, in cents of a euro without VAT.
type Quote struct {
	Version    string // of the price list
	VAT        int    // percent, at home
	Recipients []RecipientQuote
	Online     int  // when everybody collects online
	Posted     int  // when every letter goes that may
	Reserved   int  // what is put aside at submission; what is not used comes back
	Exact      bool // Posted is of letters that were laid out, not of those for which is reserved
}

// RecipientQuote is what a delivery to one recipient costs.
type RecipientQuote struct {
	Online int // when it is collected online
	Posted int // when it goes on paper; as Online where it never does
}

// Quote says what sub costs. p is what it would become, where that is known: the
// price of its letters is then exact. Errors: ErrNoPrices.
func (s *Service) Quote(sub Submission, p *Preview) (Quote, error) {
	price, ok := s.priceNow()
	if !ok {
		return Quote{}, ErrNoPrices
	}
	q := Quote{Version: price.ID, VAT: price.VAT, Exact: p != nil, Recipients: make([]RecipientQuote, len(sub.Recipients))}
	for i, r := range sub.Recipients {
		online, sms, postage := s.costs(price, sub.Policy, r)
		q.Reserved += online + sms + postage
		if p != nil && postage > 0 {
			if l := p.Recipients[i].Letter; l != nil {
				postage = price.Postage(r.Address.Country, l.Pages)
			} else {
				q.Exact = false
			}
		}
		v := RecipientQuote{Online: online + sms, Posted: online + sms + postage}
		q.Recipients[i] = v
		q.Online, q.Posted = q.Online+v.Online, q.Posted+v.Posted
	}
	return q, nil
}

// costs is what is reserved for a delivery to r.
func (s *Service) costs(price Price, p Policy, r Recipient) (online, sms, postage int) {
	if s.Post != nil && p.Fallback == FallbackPost && r.Address != nil {
		postage = price.Reserved(r.Address.Country)
	}
	return price.Online, price.Announce(r), postage
}

// priceNow is what counts today; false where nobody is charged.
func (s *Service) priceNow() (Price, bool) {
	if s.Prices == nil {
		return Price{}, false
	}
	return s.Prices.At(DateOf(s.Now(), s.Zone))
}

// priced is p with what sub costs, also where a partner's tariff said otherwise.
func (s *Service) priced(sub Submission, p Preview) Preview {
	q, err := s.Quote(sub, &p)
	if err != nil {
		return p
	}
	p.Quote = &q
	for i, r := range q.Recipients {
		if l := p.Recipients[i].Letter; l != nil {
			l.Online, l.Price = r.Online, r.Posted
		}
	}
	return p
}
