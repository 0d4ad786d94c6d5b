package eidtest

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// Prolong is the root again, with the same key and serial number, for other
// years: as Belgium Root CA4 exists.
func (a *Authority) Prolong(years int) (*x509.Certificate, error) {
	t := a.template(pkix.Name{}, years)
	t.RawSubject, t.SerialNumber = a.Root.RawSubject, a.Root.SerialNumber
	authority(t, 1)
	return sign(t, t, &a.rootKey.PublicKey, a.rootKey)
}

// Under is a card whose certificate was signed with another card, which calls
// itself the CA.
func (a *Authority) Under(by *Card, p Person) (*Card, error) {
	key, err := newKey(elliptic.P384())
	if err != nil {
		return nil, err
	}
	t := a.template(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: p.Family},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: p.Given},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 5}, Value: p.NationalNumber},
	}}, 10)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	t.OCSPServer = []string{"http://" + a.Host() + "/eid/0"}
	Policy(CitizenAuthentication)(t)
	parent := *by.Certificate
	parent.RawSubject = a.Citizen.RawSubject
	parent.Subject = a.Citizen.Subject
	c, err := sign(t, &parent, &key.PublicKey, by.Key)
	return &Card{c, a.Citizen, key}, err
}
