package wallettest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// sdjwt is a PID as its holder keeps it.
type sdjwt struct {
	issued      string
	disclosures map[string]string // by attribute
}

// issueSDJWT issues a PID bound to a key of its holder. Among the digests is one
// of nothing.
//
// RFC 9901 §4
func (i *Issuer) issueSDJWT(p Person, holder *ecdsa.PublicKey, f Fault) (sdjwt, error) {
	issued, until := i.times(f)
	s := sdjwt{disclosures: map[string]string{}}
	decoy := sha256.Sum256([]byte(rand.Text()))
	digests := []string{toBase64(decoy[:])}
	for _, a := range i.attributes(p, f, until) {
		encoded, err := disclosure(a.sdjwt, a.value)
		if err != nil {
			return sdjwt{}, err
		}
		s.disclosures[a.sdjwt] = encoded
		digests = append(digests, digestOf(encoded))
	}
	key, err := jwk(holder)
	if err != nil {
		return sdjwt{}, err
	}
	payload := map[string]any{"vct": "urn:eudi:pid:1", "iss": "https://pid.example.org", "iat": issued.Unix(), "nbf": issued.Unix(), "exp": until.Unix(),
		"_sd_alg": "sha-256", "cnf": map[string]any{"jwk": key}}
	if status := i.statusClaim(f); status != nil {
		payload["status"] = status
	}
	if err := s.spoil(payload, &digests, f); err != nil {
		return sdjwt{}, err
	}
	slices.Sort(digests)
	payload["_sd"] = digests
	raw, err := json.Marshal(payload)
	if err != nil {
		return sdjwt{}, err
	}
	switch f {
	case TwiceInJSON:
		raw = append([]byte(`{"vct":"urn:eudi:pid:2",`), raw[1:]...)
	case DeepJSON:
		raw = append([]byte(`{"deep":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+","), raw[1:]...)
	}
	s.issued, err = i.signSDJWT(raw, f)
	return s, err
}

// spoil breaks a rule of the payload.
func (s *sdjwt) spoil(payload map[string]any, digests *[]string, f Fault) error {
	extra := ""
	switch f {
	case OtherType:
		payload["vct"] = "urn:eudi:ehic:1"
	case NoHolderKey:
		delete(payload, "cnf")
	case WeakDigest:
		payload["_sd_alg"] = "sha-1"
	case Overriding:
		extra = "iat"
	case DisclosedType:
		delete(payload, "vct")
		extra = "vct"
	case Unreferenced:
		e, err := disclosure("nationalities", "BE")
		s.disclosures["+"] = e
		return err
	}
	if extra == "" {
		return nil
	}
	e, err := disclosure(extra, "urn:eudi:pid:1")
	s.disclosures["+"] = e
	*digests = append(*digests, digestOf(e))
	return err
}

func (i *Issuer) signSDJWT(payload []byte, f Fault) (string, error) {
	key, chain, err := i.signer(f)
	if err != nil {
		return "", err
	}
	header := map[string]any{"typ": "dc+sd-jwt", "x5c": x5c(chain)}
	switch f {
	case AlgNone:
		header["alg"] = "none"
	case HS256:
		header["alg"] = "HS256"
	case PlainJWT:
		header["typ"] = "JWT"
	case CriticalExt:
		header["crit"] = []string{"http://example.org/rule"}
		header["http://example.org/rule"] = true
	case HeaderURL:
		delete(header, "x5c")
		header["x5u"] = "http://127.0.0.1:1/chain.pem"
	case HeaderKey: // the genuine chain beside it
		other, _, err := i.ca.issue("nobody", i.country, "", i.now())
		if err != nil {
			return "", err
		}
		if header["jwk"], err = jwk(&other.PublicKey); err != nil {
			return "", err
		}
		key = other
	}
	return sign(key, header, payload)
}

func x5c(chain []*x509.Certificate) []string {
	var list []string
	for _, c := range chain {
		list = append(list, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return list
}

func disclosure(name string, value any) (string, error) {
	b, err := json.Marshal([]any{rand.Text(), name, value})
	return toBase64(b), err
}

func digestOf(encoded string) string {
	sum := sha256.Sum256([]byte(encoded))
	return toBase64(sum[:])
}

// present shows some attributes to a verifier and signs for exactly those.
//
// RFC 9901 §4.3
func (s sdjwt) present(names []string, r *Request, holder *ecdsa.PrivateKey, at time.Time, f Fault) (string, error) {
	shown := s.issued + "~"
	for _, name := range append(slices.Clone(names), "+") {
		d, ok := s.disclosures[name]
		if !ok || f.withheld(name) {
			continue
		}
		if f == ForgedName && name == "family_name" {
			forged, err := disclosure(name, "Somebody Else")
			if err != nil {
				return "", err
			}
			d = forged
		}
		shown += d + "~"
		if f == DisclosedTwice {
			shown += d + "~"
		}
	}
	if f == NoBinding {
		return shown, nil
	}
	claims := map[string]any{"nonce": r.nonce, "aud": r.clientID, "iat": at.Unix(), "sd_hash": digestOf(shown)}
	header := map[string]any{"typ": "kb+jwt"}
	switch f {
	case OtherNonce:
		claims["nonce"] = rand.Text()
	case BareAudience:
		_, claims["aud"], _ = strings.Cut(r.clientID, ":")
	case OtherAudience:
		claims["aud"] = "x509_san_dns:verifier.example.org"
	case StaleBinding:
		claims["iat"] = at.Add(-time.Hour).Unix()
	case FutureBinding:
		claims["iat"] = at.Add(time.Hour).Unix()
	case OtherHash:
		claims["sd_hash"] = digestOf(s.issued + "~")
	case BindingNone:
		header["alg"] = "none"
	case BindingType:
		delete(header, "typ")
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	binding, err := sign(holder, header, raw)
	return shown + binding, err
}
