package evidence

// The eIDAS SAML attribute profile, §2.2.2 and §2.2.3.
const (
	personFamily     = "http://eidas.europa.eu/attributes/naturalperson/CurrentFamilyName"
	personGiven      = "http://eidas.europa.eu/attributes/naturalperson/CurrentGivenName"
	personIdentifier = "http://eidas.europa.eu/attributes/naturalperson/PersonIdentifier"
	legalName        = "http://eidas.europa.eu/attributes/legalperson/LegalName"
	legalIdentifier  = "http://eidas.europa.eu/attributes/legalperson/LegalPersonIdentifier"
	legalAddress     = "http://eidas.europa.eu/attributes/legalperson/LegalAddress"
)

// friendly is the FriendlyName of an attribute: the last segment of its URI.
func friendly(uri string) string {
	switch uri {
	case personFamily:
		return "FamilyName"
	case personGiven:
		return "FirstName"
	case personIdentifier:
		return "PersonIdentifier"
	case legalName:
		return "LegalName"
	case legalIdentifier:
		return "LegalPersonIdentifier"
	case legalAddress:
		return "LegalAddress"
	}
	return ""
}

func writeAttribute(w *Canonical, uri, value string) {
	if value == "" {
		return
	}
	w.Open("saml:Attribute", Attr{"Name", uri}, Attr{"NameFormat", "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"},
		Attr{"FriendlyName", friendly(uri)})
	w.Leaf("saml:AttributeValue", value)
	w.Close("saml:Attribute")
}

// writeUser writes a sender, a recipient or a sender's delegate.
func writeUser(w *Canonical, name string, p Party, known bool) {
	w.Open(name)
	writeUserContent(w, p, known)
	w.Close(name)
}

// writeUserContent writes who p is. Identity holds what was proven, or what is
// known of an account holder; what a sender merely declared about somebody
// stands in the extension, so that nobody takes it for an identification.
// EN 319 522-2 §8.2 I01-I13
func writeUserContent(w *Canonical, p Party, known bool) {
	given, family := p.Given, p.Family
	if p.Proof != nil {
		given, family = p.Proof.Given, p.Proof.Family
	}
	if hasName := p.Name != "" || given != "" || family != ""; hasName && (known || p.Proof != nil) {
		w.Open("e:Identity")
		if p.Kind == LegalPerson {
			writeAttribute(w, legalName, p.Name)
		}
		if p.Kind == NaturalPerson || p.Proof != nil {
			writeAttribute(w, personFamily, family)
			writeAttribute(w, personGiven, given)
		}
		w.Close("e:Identity")
	}
	if id := p.identifier(); id.Value != "" {
		w.Leaf("Identifier", id.Value, Attr{"IdentifierSchemeName", id.Scheme})
	}
	if p.Proof != nil {
		writeAssurance(w, *p.Proof)
	}
}

// identifier is the declared identifier, or the address the party was reached by.
func (p Party) identifier() Identifier {
	switch {
	case p.Identifier.Value != "":
		return p.Identifier
	case p.Email != "":
		return Identifier{"mailto", p.Email}
	case p.Mobile != "":
		return Identifier{"tel", p.Mobile}
	}
	return Identifier{}
}

// writeAssurance says how a party was identified, and how well. A level that
// nobody claims is written as such: the schema wants one, and silence would
// read as an omission. EN 319 522-2 §8.2 I10-I13
func writeAssurance(w *Canonical, p Proof) {
	level := p.Level
	if level == "" {
		level = noLevel
	}
	w.Open("AssuranceLevelsDetails")
	w.Open("GlobalAssuranceLevel")
	w.Leaf("AssuranceLevel", level)
	w.Close("GlobalAssuranceLevel")
	w.Open("e:AuthenticationDetails")
	w.Leaf("AuthenticationTime", formatTime(p.At))
	w.Leaf("AuthenticationMethod", ownMethod+p.Method)
	w.Close("e:AuthenticationDetails")
	w.Close("AssuranceLevelsDetails")
}
