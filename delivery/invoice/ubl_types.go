package invoice

import "encoding/xml"

// The elements of UBL 2.1 that we use, in the order of its schema.
type document struct {
	XMLName       xml.Name
	Xmlns         string     `xml:"xmlns,attr"`
	CAC           string     `xml:"xmlns:cac,attr"`
	CBC           string     `xml:"xmlns:cbc,attr"`
	Customization string     `xml:"cbc:CustomizationID"`
	Profile       string     `xml:"cbc:ProfileID"`
	ID            string     `xml:"cbc:ID"`
	IssueDate     string     `xml:"cbc:IssueDate"`
	DueDate       string     `xml:"cbc:DueDate,omitempty"`
	InvoiceType   string     `xml:"cbc:InvoiceTypeCode,omitempty"`
	CreditType    string     `xml:"cbc:CreditNoteTypeCode,omitempty"`
	Note          string     `xml:"cbc:Note,omitempty"`
	Currency      string     `xml:"cbc:DocumentCurrencyCode"`
	BuyerRef      string     `xml:"cbc:BuyerReference"`
	Period        *period    `xml:"cac:InvoicePeriod"`
	Corrects      *reference `xml:"cac:BillingReference"`
	Supplier      party      `xml:"cac:AccountingSupplierParty>cac:Party"`
	Customer      party      `xml:"cac:AccountingCustomerParty>cac:Party"`
	Means         *means     `xml:"cac:PaymentMeans"`
	Tax           taxTotal   `xml:"cac:TaxTotal"`
	Total         total      `xml:"cac:LegalMonetaryTotal"`
	InvoiceLines  []line     `xml:"cac:InvoiceLine"`
	CreditLines   []line     `xml:"cac:CreditNoteLine"`
}

type period struct {
	Start string `xml:"cbc:StartDate"`
	End   string `xml:"cbc:EndDate"`
}

type reference struct {
	ID   string `xml:"cac:InvoiceDocumentReference>cbc:ID"`
	Date string `xml:"cac:InvoiceDocumentReference>cbc:IssueDate,omitempty"`
}

type schemed struct {
	Scheme string `xml:"schemeID,attr,omitempty"`
	Value  string `xml:",chardata"`
}

type party struct {
	Endpoint schemed    `xml:"cbc:EndpointID"`
	Name     string     `xml:"cac:PartyName>cbc:Name"`
	Address  address    `xml:"cac:PostalAddress"`
	Tax      *partyTax  `xml:"cac:PartyTaxScheme"`
	Legal    legal      `xml:"cac:PartyLegalEntity"`
	Contact  *ublPerson `xml:"cac:Contact"`
}

type address struct {
	Street  string `xml:"cbc:StreetName,omitempty"`
	More    string `xml:"cbc:AdditionalStreetName,omitempty"`
	City    string `xml:"cbc:CityName,omitempty"`
	Zone    string `xml:"cbc:PostalZone,omitempty"`
	Country string `xml:"cac:Country>cbc:IdentificationCode"`
}

type partyTax struct {
	ID     string `xml:"cbc:CompanyID"`
	Scheme string `xml:"cac:TaxScheme>cbc:ID"`
}

type legal struct {
	Name string   `xml:"cbc:RegistrationName"`
	ID   *schemed `xml:"cbc:CompanyID"`
}

type ublPerson struct {
	Phone string `xml:"cbc:Telephone,omitempty"`
	Email string `xml:"cbc:ElectronicMail"`
}

type means struct {
	Code    string `xml:"cbc:PaymentMeansCode"`
	ID      string `xml:"cbc:PaymentID"`
	Account payee  `xml:"cac:PayeeFinancialAccount"`
}

type payee struct {
	IBAN string `xml:"cbc:ID"`
	Name string `xml:"cbc:Name"`
	BIC  *bank  `xml:"cac:FinancialInstitutionBranch"`
}

type bank struct {
	ID string `xml:"cbc:ID"`
}

type amount struct {
	Currency string `xml:"currencyID,attr"`
	Value    string `xml:",chardata"`
}

type taxTotal struct {
	Amount   amount `xml:"cbc:TaxAmount"`
	Subtotal struct {
		Base     amount   `xml:"cbc:TaxableAmount"`
		Amount   amount   `xml:"cbc:TaxAmount"`
		Category category `xml:"cac:TaxCategory"`
	} `xml:"cac:TaxSubtotal"`
}

type category struct {
	ID      string `xml:"cbc:ID"`
	Percent string `xml:"cbc:Percent,omitempty"`
	Code    string `xml:"cbc:TaxExemptionReasonCode,omitempty"`
	Reason  string `xml:"cbc:TaxExemptionReason,omitempty"`
	Scheme  string `xml:"cac:TaxScheme>cbc:ID"`
}

type total struct {
	Lines   amount  `xml:"cbc:LineExtensionAmount"`
	Net     amount  `xml:"cbc:TaxExclusiveAmount"`
	Gross   amount  `xml:"cbc:TaxInclusiveAmount"`
	Prepaid *amount `xml:"cbc:PrepaidAmount"`
	Payable amount  `xml:"cbc:PayableAmount"`
}

type quantity struct {
	Unit  string `xml:"unitCode,attr"`
	Value string `xml:",chardata"`
}

type line struct {
	ID       string    `xml:"cbc:ID"`
	Invoiced *quantity `xml:"cbc:InvoicedQuantity"`
	Credited *quantity `xml:"cbc:CreditedQuantity"`
	Net      amount    `xml:"cbc:LineExtensionAmount"`
	Name     string    `xml:"cac:Item>cbc:Name"`
	Category category  `xml:"cac:Item>cac:ClassifiedTaxCategory"`
	Price    amount    `xml:"cac:Price>cbc:PriceAmount"`
}
