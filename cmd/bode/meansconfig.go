package main

// loginConfig is itsme, and the keys that other OpenID providers know as well.
type loginConfig struct {
	Issuer   string   `help:"OpenID provider that identifies people: itsme." env:"BODE_LOGIN_ISSUER"`
	Client   string   `help:"Our client id there." env:"BODE_LOGIN_CLIENT"`
	Code     string   `help:"Service code there (itsme), of type Identification." env:"BODE_LOGIN_CODE"`
	Approval string   `help:"Service code there of type Confirmation; empty: itsme approves no texts." env:"BODE_LOGIN_APPROVAL"`
	Sign     string   `help:"PEM file of the RSA key that signs our assertions." type:"path" env:"BODE_LOGIN_SIGN"`
	Decrypt  []string `help:"PEM files of the RSA keys that open tokens." type:"path" env:"BODE_LOGIN_DECRYPT"`
	Next     []string `help:"PEM files of public RSA keys that are published besides the one that signs: before and after a switch." type:"path" env:"BODE_LOGIN_NEXT"`
	Retired  []string `help:"RSA keys that were replaced, each as FILE=TIME (RFC 3339): no longer published, they open tokens until then." env:"BODE_LOGIN_RETIRED"`
}

// providerConfig is a further OpenID provider, where there is a contract.
type providerConfig struct {
	Issuer   string   `help:"Its issuer; empty: not offered." env:"ISSUER"`
	Client   string   `help:"Our client id there." env:"CLIENT"`
	ACR      string   `help:"Class of authentication that is asked; default what is known of the provider." env:"ACR"`
	Levels   []string `help:"What a class is worth, each as CLASS=LEVEL; default what is known of the provider." env:"LEVELS"`
	UserInfo bool     `help:"The identity data comes from the userinfo endpoint." env:"USER_INFO"`
	Plain    string   `help:"Why tokens come signed but not encrypted there. Empty: what is not encrypted is refused." env:"PLAIN"`
}

type eidConfig struct {
	Anchors      string   `help:"Directory with the CAs that issue Belgian identity cards, and their roots, in PEM; empty: no cards." type:"path" env:"BODE_EID_ANCHORS"`
	Responders   []string `help:"Hosts that may be asked by OCSP; default those of the Belgian PKI." env:"BODE_EID_RESPONDERS"`
	WithoutNonce []string `help:"Of those, the ones whose answers carry no nonce." env:"BODE_EID_WITHOUT_NONCE"`
	CardURL      string   `help:"Address of the host on which browsers show the card themselves, https://host/path; empty: only by Web eID." env:"BODE_EID_CARD_URL"`
	CardListen   string   `help:"Address on which that host answers. It speaks TLS itself: no proxy may end it." env:"BODE_EID_CARD_LISTEN"`
	CardCert     string   `help:"PEM file of its certificate and intermediates." type:"path" env:"BODE_EID_CARD_CERT"`
	CardKey      string   `help:"PEM file of its key." type:"path" env:"BODE_EID_CARD_KEY"`
}

type walletConfig struct {
	Cert          string   `help:"PEM file of our access certificate as relying party, without the anchor; empty: no wallets." type:"path" env:"BODE_WALLET_CERT"`
	Key           string   `help:"PEM file of its P-256 key." type:"path" env:"BODE_WALLET_KEY"`
	Registration  string   `help:"JSON file with what is sent of our registration: an array of {format, data}." type:"path" env:"BODE_WALLET_REGISTRATION"`
	Providers     []string `help:"Providers of PIDs, each as COUNTRY=NAME=FILE with its anchors in PEM." env:"BODE_WALLET_PROVIDERS"`
	Types         []string `help:"Types of PIDs (vct) that are taken." env:"BODE_WALLET_TYPES"`
	Status        []string `help:"Origins from which status lists may be fetched." env:"BODE_WALLET_STATUS"`
	Scheme        string   `help:"What opens a wallet." default:"openid4vp" env:"BODE_WALLET_SCHEME"`
	Prefix        string   `help:"Prefix of our client identifier." enum:"x509_hash,x509_san_dns" default:"x509_hash" env:"BODE_WALLET_PREFIX"`
	WithoutNumber bool     `help:"Do not ask for the personal number: for who has no legal ground to use it." env:"BODE_WALLET_WITHOUT_NUMBER"`
}

type statementConfig struct {
	Anchors    string   `help:"Directory with the issuers of qualified certificates that we trust, in PEM; empty: no signed statements, and two operators look at every approval form." type:"path" env:"BODE_STATEMENT_ANCHORS"`
	Responders []string `help:"Hosts that may be asked about them by OCSP." env:"BODE_STATEMENT_RESPONDERS"`
}

// validateMeans says what is missing to let people identify.
func (c config) validateMeans(need func(ok bool, setting, why string)) {
	need(c.Login.Issuer != "" || c.EID.Anchors != "" || c.Wallet.Cert != "" || c.Statement.Anchors != "" || c.FAS.Issuer != "", "login-issuer",
		"recipients identify: at an OpenID provider, or by card (--eid-anchors) or wallet (--wallet-cert)")
	if c.Login.Issuer != "" || c.Login.Client != "" {
		need(c.Login.Issuer != "" && c.Login.Client != "", "login-issuer", "a provider and our client id there belong together")
	}
	providers := 0
	for name, p := range map[string]providerConfig{"fas": c.FAS, "luxtrust": c.LuxTrust} {
		if p.Issuer == "" {
			continue
		}
		providers++
		need(p.Client != "", name+"-client", "our client id at that provider")
	}
	if c.Login.Issuer != "" || providers > 0 {
		need(c.Login.Sign != "", "login-sign", "our key at that provider, to sign")
		need(c.Login.Issuer == "" || len(c.Login.Decrypt) > 0, "login-sign", "our keys at that provider: one to sign, one or more to decrypt")
	}
	if e := c.EID; e.CardURL != "" || e.CardListen != "" {
		need(e.Anchors != "", "eid-anchors", "who issues the cards")
		need(e.CardURL != "" && e.CardListen != "" && e.CardCert != "" && e.CardKey != "", "eid-card-url", "the card's host has an address, a place to listen, a certificate and its key")
	}
	need(c.Statement.Anchors == "" || len(c.Statement.Responders) > 0, "statement-responders", "who says whether a certificate is still good")
	if w := c.Wallet; w.Cert != "" || w.Key != "" || len(w.Providers) > 0 {
		need(w.Cert != "" && w.Key != "" && len(w.Providers) > 0, "wallet-cert", "access certificate, its key, and providers of PIDs belong together")
	}
}
