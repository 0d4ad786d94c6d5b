package wallet

import (
	"crypto/ecdsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func vector(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func jwk(t testing.TB, x, y string) *ecdsa.PublicKey {
	t.Helper()
	k, err := parseJWK(map[string]any{"kty": "EC", "crv": "P-256", "x": x, "y": y})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// published is an SD-JWT with key binding that somebody else made.
type published struct {
	file, x, y, nonce, aud string
	made                   time.Time
}

func publishedSDJWT() []published {
	return []published{
		{"openid4vp_presentation.txt", "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ", "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
			"1234567890", "https://verifier.example.org", time.Unix(1744743394, 0)},
		{"euver_ehic.txt", "cBcLyQzM3byAPp6RcTckS95NvXNDa_slTpxYAtoEULw", "SqDz8F8u36PPLQXsKMaOhqvG8GEKf0ktKGWXgEq5gPU",
			"[B@3a4e524", "Sample Verifier Actor", time.Unix(1744180895, 0)},
	}
}

func (p published) verify(t *testing.T, presentation string, s session, at time.Time) (map[string]any, error) {
	t.Helper()
	c, err := parseSDJWT(presentation)
	if err != nil {
		return nil, err
	}
	payload, claims, err := c.open(jwk(t, p.x, p.y))
	if err != nil {
		return nil, err
	}
	_, err = c.checkBinding(payload, s, at)
	return claims, err
}

func TestPublishedSDJWT(t *testing.T) {
	t.Parallel()
	p := publishedSDJWT()[0]
	claims, err := p.verify(t, vector(t, p.file), session{Nonce: p.nonce, ClientID: p.aud}, p.made)
	if err != nil {
		t.Fatal(err)
	}
	ld, _ := claims["ld"].(map[string]any)
	if subject, _ := ld["credentialSubject"].(map[string]any); len(subject) != 1 || subject["givenName"] != "John" {
		t.Errorf("disclosed %v", claims)
	}
}

// The reference verifier's own sample is signed by its issuer, but not by the
// holder's key it names: its tests do not look.
func TestPublishedSDJWTOfAnotherHolder(t *testing.T) {
	t.Parallel()
	p := publishedSDJWT()[1]
	c, err := parseSDJWT(vector(t, p.file))
	if err != nil {
		t.Fatal(err)
	}
	payload, claims, err := c.open(jwk(t, p.x, p.y))
	if err != nil || claims["given_name"] != "Erika" || claims["family_name"] != "Mustermann" || claims["birthdate"] != "1963-08-12" || claims["_sd"] != nil {
		t.Errorf("issued part: %v, %v", claims, err)
	}
	if status, err := statusOf(payload["status"]); err != nil || status.Index != 5 {
		t.Errorf("status %+v, %v", status, err)
	}
	if _, err := c.checkBinding(payload, session{Nonce: p.nonce, ClientID: p.aud}, p.made); !errors.Is(err, ErrPresentation) {
		t.Errorf("key binding: %v, want ErrPresentation", err)
	}
}

// Each part of a genuine presentation, changed or moved.
func TestPublishedSDJWTMutated(t *testing.T) {
	t.Parallel()
	p := publishedSDJWT()[0]
	genuine := vector(t, p.file)
	other := vector(t, publishedSDJWT()[1].file)
	parts, foreign := strings.Split(genuine, "~"), strings.Split(other, "~")
	join := func(s ...string) string { return strings.Join(s, "~") }
	flip := func(s string, i int) string {
		c := byte('A')
		if s[i] == c {
			c = 'B'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	header := strings.Index(parts[0], ".")
	for name, s := range map[string]string{
		"issuer signature":           join(flip(parts[0], len(parts[0])-10), parts[1], parts[2]),
		"issuer signature truncated": join(parts[0][:len(parts[0])-4], parts[1], parts[2]),
		"signed claim":               join(flip(parts[0], header+40), parts[1], parts[2]),
		"header":                     join(flip(parts[0], 20), parts[1], parts[2]),
		"disclosure":                 join(parts[0], flip(parts[1], 20), parts[2]),
		"disclosure dropped":         join(parts[0], parts[2]),
		"disclosure twice":           join(parts[0], parts[1], parts[1], parts[2]),
		"foreign disclosure":         join(parts[0], parts[1], foreign[1], parts[2]),
		"empty disclosure":           join(parts[0], parts[1], "", parts[2]),
		"binding signature":          join(parts[0], parts[1], flip(parts[2], len(parts[2])-10)),
		"binding claim":              join(parts[0], parts[1], flip(parts[2], strings.Index(parts[2], ".")+20)),
		"foreign binding":            join(parts[0], parts[1], foreign[len(foreign)-1]),
		"binding dropped":            join(parts[0], parts[1], ""),
		"binding cut off":            join(parts[0], parts[1]),
		"issued part alone":          parts[0],
		"foreign issued part":        join(foreign[0], parts[1], parts[2]),
		"line end":                   join(parts[0], parts[1]+"\n", parts[2]),
		"padding":                    join(parts[0], parts[1]+"=", parts[2]),
		"empty":                      "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if claims, err := p.verify(t, s, session{Nonce: p.nonce, ClientID: p.aud}, p.made); err == nil {
				t.Errorf("accepted: %v", claims)
			}
		})
	}
}

// A genuine presentation that is not the answer to this request.
func TestPublishedSDJWTElsewhere(t *testing.T) {
	t.Parallel()
	p := publishedSDJWT()[0]
	ours := session{Nonce: p.nonce, ClientID: p.aud}
	for name, c := range map[string]struct {
		s  session
		at time.Time
	}{
		"other nonce":     {session{Nonce: "1234567891", ClientID: p.aud}, p.made},
		"no nonce":        {session{ClientID: p.aud}, p.made},
		"other audience":  {session{Nonce: p.nonce, ClientID: "https://verifier.example.com"}, p.made},
		"prefix added":    {session{Nonce: p.nonce, ClientID: "x509_hash:" + p.aud}, p.made},
		"no audience":     {session{Nonce: p.nonce}, p.made},
		"an hour later":   {ours, p.made.Add(time.Hour)},
		"before its time": {ours, p.made.Add(-2 * time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := p.verify(t, vector(t, p.file), c.s, c.at); !errors.Is(err, ErrSession) {
				t.Errorf("error = %v, want ErrSession", err)
			}
		})
	}
}
