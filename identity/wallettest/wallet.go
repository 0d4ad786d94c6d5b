package wallettest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The two formats of a PID.
const (
	FormatSDJWT = "dc+sd-jwt"
	FormatMDoc  = "mso_mdoc"
)

// Wallet belongs to one person. It gets a fresh PID for each presentation, so
// that verifiers cannot tell two of them belong together.
type Wallet struct {
	Issuer *Issuer
	Access []*x509.Certificate // anchors of the verifiers it talks to
	Person Person
	Format string // FormatSDJWT when empty
	Fault  Fault

	GetRequest bool             // fetches the request with GET, also when POST is offered
	HTTP       *http.Client     // default one with a Timeout of 10 s
	Now        func() time.Time // default time.Now
}

// Present shares the PID and gives the address at which the person goes on.
func (w *Wallet) Present(ctx context.Context, r *Request) (redirect string, err error) {
	content, err := w.Content(r)
	if err != nil {
		return "", err
	}
	form := url.Values{}
	if w.Fault == BareAnswer {
		token, _ := json.Marshal(content["vp_token"])
		form.Set("vp_token", string(token))
		form.Set("state", r.state)
	} else {
		answer, err := w.Encrypt(r, content)
		if err != nil {
			return "", err
		}
		form.Set("response", answer)
	}
	return w.Post(ctx, r, form)
}

// Refuse tells the verifier that the person shares nothing.
//
// OpenID4VP 1.0 §8.5
func (w *Wallet) Refuse(ctx context.Context, r *Request, code string) (redirect string, err error) {
	return w.Post(ctx, r, url.Values{"error": {code}, "state": {r.state}})
}

// Content is what Present encrypts.
//
// OpenID4VP 1.0 §8.1
func (w *Wallet) Content(r *Request) (map[string]any, error) {
	format := w.Format
	if format == "" {
		format = FormatSDJWT
	}
	id, presentation, err := w.presentation(r, format)
	if err != nil {
		return nil, err
	}
	token, state := map[string]any{id: []any{presentation}}, r.state
	switch w.Fault {
	case UnaskedQuery:
		token = map[string]any{"mdl": []any{presentation}}
	case BothFormats:
		for _, q := range r.queries {
			token[q.ID] = []any{presentation}
		}
	case TwoOfOne:
		token[id] = []any{presentation, presentation}
	case NotAString:
		token[id] = []any{map[string]any{"vp": presentation}}
	case HugeAnswer:
		token[id] = []any{presentation + strings.Repeat("~AAAA", 100<<10)}
	case OtherState:
		state = rand.Text()
	case NoState:
		return map[string]any{"vp_token": token}, nil
	}
	return map[string]any{"vp_token": token, "state": state}, nil
}

func (w *Wallet) presentation(r *Request, format string) (id, presentation string, err error) {
	holder, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	signer := holder
	if w.Fault == ForeignHolder {
		if signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return "", "", err
		}
	}
	if format == FormatMDoc {
		m, err := w.Issuer.issueMDoc(w.Person, &holder.PublicKey, w.Fault)
		if err != nil {
			return "", "", err
		}
		q, names, err := r.ask(format, func(name string) bool { return m.items[name] != nil })
		if err != nil {
			return "", "", err
		}
		presentation, err = m.present(names, r, signer, w.Fault)
		return q.ID, presentation, err
	}
	s, err := w.Issuer.issueSDJWT(w.Person, &holder.PublicKey, w.Fault)
	if err != nil {
		return "", "", err
	}
	q, names, err := r.ask(format, func(name string) bool { return s.disclosures[name] != "" })
	if err != nil {
		return "", "", err
	}
	presentation, err = s.present(names, r, signer, w.now(), w.Fault)
	return q.ID, presentation, err
}

// Encrypt encrypts an answer to the key of the request.
//
// OpenID4VP 1.0 §8.3
func (w *Wallet) Encrypt(r *Request, content map[string]any) (string, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	key, kid := r.Key(), fmt.Sprint(r.key["kid"])
	alg, enc, options := jose.ECDH_ES, jose.A128GCM, &jose.EncrypterOptions{}
	switch w.Fault {
	case OtherKID:
		kid += "-other"
	case WrongKey:
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return "", err
		}
		key = &other.PublicKey
	case CBCAnswer:
		enc = jose.A128CBC_HS256
	case WrappedKey:
		alg = jose.ECDH_ES_A128KW
	case AES256:
		enc = jose.A256GCM
	case Compressed:
		options.Compression = jose.DEFLATE
	case WithPartyInfo:
		return encryptWithPartyInfo(key, kid, r.nonce, raw)
	}
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: kid}, options)
	if err != nil {
		return "", err
	}
	jwe, err := e.Encrypt(raw)
	if err != nil {
		return "", err
	}
	return jwe.CompactSerialize()
}

// Key is the key that the request wants its answer encrypted to; nil for none
// on the curve.
func (r *Request) Key() *ecdsa.PublicKey {
	point := []byte{4} // uncompressed: SEC 1 2.3.3
	for _, name := range []string{"x", "y"} {
		s, _ := r.key[name].(string)
		b, _ := unbase64(s)
		point = append(point, b...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil
	}
	return key
}

// Post sends an answer and reads where the person goes on. A wallet that gets no
// address stays where it is, and the presentation is void.
//
// OpenID4VP 1.0 §8.2; HAIP 1.0 §5.1
func (w *Wallet) Post(ctx context.Context, r *Request, form url.Values) (redirect string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.responseURI, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("wallettest: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, kind, err := w.do(req)
	if err != nil {
		return "", err
	}
	var answer struct {
		Redirect string `json:"redirect_uri"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || kind != "application/json" || answer.Redirect == "" {
		return "", errors.New("wallettest: verifier does not say where to go on")
	}
	return answer.Redirect, nil
}
