package identity

import (
	"encoding/csv"
	"fmt"
	"io"
	"time"
)

// WriteCSV writes the holding as lines of record, number, field and value, which
// every spreadsheet opens. Values that a spreadsheet would run as a formula are
// written with an apostrophe before them.
func (h Holding) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	line := func(record string, n int, pairs ...string) {
		for i := 0; i+1 < len(pairs); i += 2 {
			c.Write([]string{record, fmt.Sprint(n + 1), pairs[i], harmless(pairs[i+1])})
		}
	}
	date := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	p := h.Person
	c.Write([]string{"record", "number", "field", "value"})
	line("person", 0, "id", p.ID, "given", p.Given, "family", p.Family, "login", p.Login, "email", p.Email, "mobile", p.Mobile,
		"language", p.Language, "password_at", date(p.PasswordAt), "second_factor", fmt.Sprint(p.SecondFactor), "created_at", date(p.CreatedAt))
	if p.RestrictedAt != nil {
		line("person", 0, "restricted_at", date(*p.RestrictedAt))
	}
	for i, m := range h.Memberships {
		line("membership", i, "account", m.Account, "kind", string(m.Kind), "name", m.Name, "role", string(m.Role), "since", date(m.Since))
		for _, a := range m.Address {
			line("membership", i, "address", a)
		}
	}
	for i, x := range h.Consents {
		line("consent", i, "text", x.Text, "version", x.Version, "language", x.Language, "given_at", date(x.GivenAt))
		if x.WithdrawnAt != nil {
			line("consent", i, "withdrawn_at", date(*x.WithdrawnAt))
		}
	}
	for i, x := range h.Contacts {
		line("contact", i, "kind", x.Kind, "value", x.Value, "own", fmt.Sprint(x.Own), "proven_at", date(x.ProvenAt))
		if x.OnlineAt != nil {
			line("contact", i, "online_at", date(*x.OnlineAt), "online_version", x.OnlineVersion)
		}
	}
	for i, x := range h.OnlineConsents {
		line("online_consent", i, "kind", x.Kind, "value", x.Value, "version", x.Version, "language", x.Language,
			"given", fmt.Sprint(x.Given), "at", date(x.At))
	}
	for i, m := range h.Mandates {
		line("mandate", i, "id", m.ID, "account", m.Account, "powers", fmt.Sprint(m.Powers), "classes", fmt.Sprint(m.Classes),
			"from", date(m.From), "granted_at", date(m.GrantedAt), "proof", m.ProofKind)
		if m.Until != nil {
			line("mandate", i, "until", date(*m.Until))
		}
		if m.RevokedAt != nil {
			line("mandate", i, "revoked_at", date(*m.RevokedAt))
		}
	}
	for i, x := range h.Passkeys {
		line("passkey", i, "name", x.Name, "created_at", date(x.CreatedAt))
		if x.UsedAt != nil {
			line("passkey", i, "used_at", date(*x.UsedAt))
		}
	}
	for i, x := range h.Sessions {
		line("session", i, "created_at", date(x.CreatedAt), "seen_at", date(x.SeenAt), "method", x.Method, "ip", x.IP,
			"language", x.Language, "user_agent", x.UserAgent)
	}
	for i, a := range h.Accesses {
		line("access", i, "at", date(a.At), "action", a.Action, "account", a.Account, "ip", a.IP, "language", a.Language, "user_agent", a.UserAgent)
	}
	for n, i := range h.Identifications {
		line("identification", n, "record", i.Record, "bound", fmt.Sprint(i.Bound), "method", i.Method, "provider", i.Provider, "given", i.Given, "family", i.Family,
			"birth_date", i.BirthDate, "national_number", i.NationalNumber, "level", string(i.Level), "at", date(i.At))
	}
	c.Flush()
	return c.Error()
}

func harmless(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t' || s[0] == '\r') {
		return "'" + s
	}
	return s
}
