package statement

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ServeHTTP answers OCSP requests: good, unless answer says otherwise.
func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.serve != nil {
		a.serve(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	q, err := ocsp.ParseRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	answer := ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour)}
	by, key := a.cert, a.key
	if a.answer != nil {
		by, key = a.answer(q, &answer)
	}
	der, err := ocsp.CreateResponse(a.cert, by, answer, key)
	if err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	if a.nonce != nil {
		der = a.withNonce(der, a.nonce(askedNonce(body)))
	}
	_, _ = w.Write(der)
}

// askedNonce is the content of the nonce in a request.
func askedNonce(request []byte) (nonce []byte) {
	var r struct {
		Body struct {
			Requests   asn1.RawValue
			Extensions []pkix.Extension `asn1:"optional,explicit,tag:2"`
		}
	}
	if _, err := asn1.Unmarshal(request, &r); err == nil && len(r.Body.Extensions) == 1 {
		_, _ = asn1.Unmarshal(r.Body.Extensions[0].Value, &nonce)
	}
	return nonce
}

// withNonce adds a nonce to an answer and signs it again: x/crypto/ocsp cannot.
func (a *authority) withNonce(der, nonce []byte) []byte {
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		Data      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	value, err1 := asn1.Marshal(nonce)
	ext, err2 := asn1.MarshalWithParams([]pkix.Extension{{Id: oid("1.3.6.1.5.5.7.48.1.2"), Value: value}}, "explicit,tag:1")
	_, err3 := asn1.Unmarshal(der, &outer)
	_, err4 := asn1.Unmarshal(outer.Bytes.Response, &basic)
	data, err5 := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(basic.Data.Bytes, ext...)})
	digest := sha256.Sum256(data)
	signature, err6 := a.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	basic.Data, basic.Signature = asn1.RawValue{FullBytes: data}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	var err7, err8 error
	outer.Bytes.Response, err7 = asn1.Marshal(basic)
	der, err8 = asn1.Marshal(outer)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		a.t.Error(err)
	}
	return der
}
