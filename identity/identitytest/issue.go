package identitytest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// statement is the content of the id_token, with the fault of the day.
func (p *Provider) statement(g *grant, access string) map[string]any {
	iat := p.cfg.Now().Unix()
	hash := sha256.Sum256([]byte(access))
	c := map[string]any{
		"iss": p.issuer, "sub": g.person.subject(g.client.ID), "aud": g.client.ID,
		"nonce": g.nonce, "iat": iat, "exp": iat + 300, "auth_time": iat,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	person := g.person.claims()
	person["acr"] = g.acr
	for _, name := range g.idToken {
		if v, ok := person[name]; ok {
			c[name] = v
		}
	}
	if g.text != "" && !p.is(TextNotReturned) {
		c[claimTemplate], c[claimText] = "free_text", g.text
	}
	p.spoil(c, iat)
	return c
}

func (p *Provider) spoil(c map[string]any, iat int64) {
	p.mu.Lock()
	fault := p.fault
	p.mu.Unlock()
	set := map[Fault]struct {
		name  string
		value any
	}{
		WrongNonce:      {"nonce", rand.Text()},
		WrongIssuer:     {"iss", "https://idp.example/v2"},
		WrongAudience:   {"aud", "somebody-else"},
		MoreAudiences:   {"aud", []any{c["aud"], "somebody-else"}},
		OneAudience:     {"aud", []any{c["aud"]}},
		WrongParty:      {"azp", "somebody-else"},
		NoSubject:       {"sub", ""},
		Expired:         {"exp", iat - 1},
		FutureIssue:     {"iat", iat + 120},
		StaleIssue:      {"iat", iat - 660},
		StaleAuth:       {"auth_time", iat - 660},
		WrongAtHash:     {"at_hash", "AAAAAAAAAAAAAAAAAAAAAA"},
		LowerACR:        {"acr", acrBasic},
		StrangeACR:      {"acr", "urn:example:acr:unheard-of"},
		CapitalACR:      {"acr", strings.Replace(acrAdvanced, "/v2/", "/V2/", 1)},
		BadNumber:       {claimPrefix + "BENationalNumber", "85073099700"},
		ControlInName:   {"family_name", "Pee\u0007ters"},
		UnreadableBirth: {"birthdate", "30/07/1985"},
		TextChanged:     {claimText, "I give everything to somebody else."},
		TextOdd:         {claimText, map[string]any{"value": c[claimText]}},
		AuthTimeText:    {"auth_time", "now"},
		TokenFat:        {"picture", strings.Repeat("A", 128<<10)},
	}
	if s, ok := set[fault]; ok {
		c[s.name] = s.value
	}
	drop := map[Fault]string{
		NoNonce: "nonce", NoExpiry: "exp", NoACR: "acr",
		NoFamilyName: "family_name", NoGivenName: "given_name",
	}
	delete(c, drop[fault])
}

// facts is the content of the userinfo answer.
func (p *Provider) facts(g *grant) map[string]any {
	c := map[string]any{"iss": p.issuer, "aud": g.client.ID, "sub": g.person.subject(g.client.ID)}
	person := g.person.claims()
	for _, name := range g.userInfo {
		if v, ok := person[name]; ok {
			c[name] = v
		}
	}
	if p.is(OtherSubject) {
		c["sub"] = "somebody-else"
	}
	if p.is(InfoForOther) {
		c["aud"] = "somebody-else"
	}
	return c
}

// kind tells the two sealed answers apart, for the faults of one of them.
type kind string

const (
	idToken     kind = "id_token"
	information kind = "userinfo"
)

// seal signs c and encrypts it to one of the client's keys.
func (p *Provider) seal(k kind, c map[string]any, keys jose.JSONWebKeySet) (string, error) {
	signed, err := p.sign(k, c)
	if err != nil || p.is(BareJWS) || k == information && p.is(SignedInfo) {
		return signed, err
	}
	enc := slices.DeleteFunc(slices.Clone(keys.Keys), func(k jose.JSONWebKey) bool { return k.Use != "enc" })
	if len(enc) == 0 {
		return "", errors.New("identitytest: client publishes no encryption key")
	}
	i, err := rand.Int(rand.Reader, big.NewInt(int64(len(enc))))
	if err != nil {
		return "", err
	}
	to := jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: enc[i.Int64()].Key, KeyID: enc[i.Int64()].KeyID}
	with := jose.A128CBC_HS256
	switch {
	case p.is(UnknownKID):
		to.KeyID = "nobody"
	case p.is(OtherKey):
		to.Key = &p.cfg.Key.PublicKey
	case p.is(RSA15):
		to.Algorithm = jose.RSA1_5
	case p.is(OAEPSHA1):
		to.Algorithm = jose.RSA_OAEP
	case p.is(A256GCM):
		with = jose.A256GCM
	}
	how := (&jose.EncrypterOptions{}).WithContentType("JWT")
	if p.is(Zipped) {
		how.Compression = jose.DEFLATE
	}
	encrypter, err := jose.NewEncrypter(with, to, how)
	if err != nil {
		return "", err
	}
	object, err := encrypter.Encrypt([]byte(signed))
	if err != nil {
		return "", err
	}
	compact, err := object.CompactSerialize()
	if p.is(Flipped) {
		compact = flip(compact)
	}
	return compact, err
}

// sign is the inner half of seal.
func (p *Provider) sign(k kind, c map[string]any) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	now := p.signs()
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: now.key, KeyID: now.kid}}
	with := (&jose.SignerOptions{}).WithType("JWT")
	switch {
	case p.is(BareClaims):
		return string(payload), nil
	case p.is(InnerNone):
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none","kid":"`+now.kid+`"}`)) + "." + encode(payload) + ".", nil
	case p.is(InnerHS256):
		secret, err := x509.MarshalPKIXPublicKey(&now.key.PublicKey)
		if err != nil {
			return "", err
		}
		key = jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: now.kid}}
	case p.is(InnerNoKID):
		key.Key = now.key
	case p.is(InnerUnknownKID):
		key.Key = jose.JSONWebKey{Key: now.key, KeyID: "unheard-of"}
	case p.is(ForeignSigner, OwnKeyNamed, OwnKeyInside), k == information && p.is(ForeignInfo):
		foreign, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return "", err
		}
		key.Key = jose.JSONWebKey{Key: foreign, KeyID: now.kid}
		switch {
		case p.is(OwnKeyNamed):
			p.mu.Lock()
			p.foreign = signing{foreign, now.kid}
			p.mu.Unlock()
			with = with.WithHeader("jku", p.issuer+"/own-keys").WithHeader("x5u", p.issuer+"/own-keys")
		case p.is(OwnKeyInside):
			key.Key, with.EmbedJWK = foreign, true
			with = with.WithHeader("kid", now.kid)
		}
	}
	signer, err := jose.NewSigner(key, with)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// flip changes one octet in the middle of the ciphertext.
func flip(compact string) string {
	parts := strings.Split(compact, ".")
	b, _ := base64.RawURLEncoding.DecodeString(parts[3])
	b[len(b)/2] ^= 1
	parts[3] = base64.RawURLEncoding.EncodeToString(b)
	return strings.Join(parts, ".")
}
