package wallet

import (
	"testing"
)

// Whatever a wallet sends, reading it ends, and what was signed by nobody
// identifies nobody.
func FuzzSDJWT(f *testing.F) {
	for _, p := range publishedSDJWT() {
		f.Add(vector(f, p.file))
	}
	f.Add("a.b.c~~d.e.f")
	p := publishedSDJWT()[0]
	genuine, issuer := vector(f, p.file), jwk(f, p.x, p.y)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseSDJWT(s)
		if err != nil {
			return
		}
		payload, _, err := c.open(issuer)
		if err != nil {
			return
		}
		if _, err := c.checkBinding(payload, session{Nonce: p.nonce, ClientID: p.aud}, p.made); err == nil && s != genuine {
			t.Errorf("accepted %q", s)
		}
	})
}

// FuzzDisclose reads claims and disclosures that somebody did sign.
func FuzzDisclose(f *testing.F) {
	f.Add([]byte(`{"_sd":["a"],"b":[{"...":"c"}]}`), `["s","n",{"_sd":[]}]`)
	f.Fuzz(func(t *testing.T, payload []byte, shown string) {
		m, err := parseObject(payload)
		if err != nil {
			return
		}
		_, _ = disclose(m, []string{toBase64([]byte(shown))})
	})
}

func FuzzMDoc(f *testing.F) {
	raw, err := unbase64(vector(f, "euver_pid_mdl.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	w := referenceVerifier(f)
	_, s, at := genuine(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := readDeviceResponse(toBase64(raw))
		if err != nil {
			return
		}
		for _, d := range r.Documents {
			if c, err := w.verifyDocument(d, pidMDoc, s, at); err == nil {
				t.Errorf("accepted %+v", c.person)
			}
			// What the signatures would have kept out.
			if m, err := readPayload(d); err == nil {
				_, _ = m.elements(pidMDoc, d.IssuerSigned.NameSpaces)
				_, _ = m.statusReference()
				_, _ = m.DeviceKeyInfo.DeviceKey.public()
			}
		}
	})
}

func FuzzStatusList(f *testing.F) {
	f.Add("eNrbuRgAAhcBXQ", "1", 5)
	f.Fuzz(func(t *testing.T, lst, bits string, index int) {
		m, err := parseObject([]byte(`{"bits":` + bits + `,"lst":"` + lst + `"}`))
		if err != nil {
			return
		}
		if s, err := inflate(m); err == nil {
			_, _ = s.value(index)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, format := range formats() {
		b.Run(format, func(b *testing.B) {
			r := newRig(b, nil)
			c := r.begin(b)
			w := r.wallet(format, "")
			_, redirect := r.present(b, c, w)
			if _, err := r.finish(b, c, redirect); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := r.finish(b, c, redirect); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerifyLicence(b *testing.B) {
	presentation, s, at := genuine(b)
	w := referenceVerifier(b)
	b.SetBytes(int64(len(presentation)))
	for b.Loop() {
		if err := licence(b, w, presentation, s, at); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	r := newRig(b, nil)
	saved, err := readBegun(r.begin(b).Saved)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.means.signedRequest(saved, ""); err != nil {
			b.Fatal(err)
		}
	}
}
