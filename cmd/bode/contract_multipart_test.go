package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bodyOf is a form as it comes over the wire.
type bodyOf struct{ kind, text string }

// hostileForms are forms that no browser makes. None has a whole file in it, which
// would rightly be kept for a day.
func hostileForms() map[string]bodyOf {
	const kind = "multipart/form-data; boundary=b"
	field := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	file := "--b\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: application/pdf\r\n\r\n%s"
	all := map[string]bodyOf{
		"no boundary":         {"multipart/form-data", field("subject", "x") + "--b--\r\n"},
		"an empty boundary":   {`multipart/form-data; boundary=""`, field("subject", "x") + "--b--\r\n"},
		"another boundary":    {"multipart/form-data; boundary=c", field("subject", "x") + "--b--\r\n"},
		"a long boundary":     {"multipart/form-data; boundary=" + strings.Repeat("b", 5000), field("subject", "x")},
		"a broken type":       {"multipart/form-data; boundary", field("subject", "x")},
		"two types":           {"multipart/form-data; boundary=b, text/plain", field("subject", "x") + "--b--\r\n"},
		"another type":        {"multipart/mixed; boundary=b", field("subject", "x") + "--b--\r\n"},
		"text":                {"text/plain", "subject=x"},
		"JSON":                {"application/json", `{"subject":"x"}`},
		"no type":             {"", "subject=x"},
		"half an escape":      {"application/x-www-form-urlencoded", "subject=%zz"},
		"nothing":             {kind, ""},
		"the end only":        {kind, "--b--\r\n"},
		"no end":              {kind, field("subject", "x")},
		"half a head":         {kind, "--b\r\nContent-Disposition: form-da"},
		"half a file":         {kind, fmt.Sprintf(file, "documents", "a.pdf", "%PDF-1.7 ")},
		"half a list":         {kind, fmt.Sprintf(file, "list", "a.csv", "naam;e-mail\r\nA")},
		"half a document":     {kind, fmt.Sprintf(file, "document", "a.pdf", "%PDF-1.7 ")},
		"half a form":         {kind, fmt.Sprintf(file, "form", "a.pdf", "%PDF-1.7 ")},
		"no disposition":      {kind, "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"},
		"a broken one":        {kind, "--b\r\nContent-Disposition: form-data; name=\"a; filename\r\n\r\nx\r\n--b--\r\n"},
		"no name":             {kind, "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"},
		"NUL in a name":       {kind, field("sub\x00ject", "x") + "--b--\r\n"},
		"NUL in values":       {kind, field("subject", "a\x00b") + field("r0-given", "\x00") + "--b--\r\n"},
		"no UTF-8":            {kind, field("subject", "\xff\xfe") + field("r0-family", "\xc3") + "--b--\r\n"},
		"a huge name":         {kind, field(strings.Repeat("a", 1<<20), "x") + "--b--\r\n"},
		"a huge value":        {kind, field("subject", strings.Repeat("a", 5<<20)) + "--b--\r\n"},
		"5 000 fields":        {kind, strings.Repeat(field("a", ""), 5000) + "--b--\r\n"},
		"5 000 names":         {kind, manyFields(5000, field) + "--b--\r\n"},
		"20 000 empty parts":  {kind, strings.Repeat("--b\r\n\r\n\r\n", 20_000) + "--b--\r\n"},
		"a part within":       {kind, "--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Disposition: file; filename=\"x\"\r\n\r\nx\r\n--c--\r\n--b--\r\n"},
		"heads without end":   {kind, "--b\r\n" + strings.Repeat("X-Y: z\r\n", 20_000) + "\r\nx\r\n--b--\r\n"},
		"base64":              {kind, "--b\r\nContent-Disposition: form-data; name=\"subject\"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!\r\n--b--\r\n"},
		"quoted":              {kind, "--b\r\nContent-Disposition: form-data; name=\"subject\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ=\r\n--b--\r\n"},
		"recipients far away": {kind, field("r999999999-given", "x") + field("r-1-given", "x") + field("c99999", "99999999999999999999") + "--b--\r\n"},
		"files left empty":    {kind, fmt.Sprintf(file, "documents", "", "\r\n") + fmt.Sprintf(file, "list", "", "\r\n") + "--b--\r\n"},
	}
	return all
}

func manyFields(n int, field func(name, value string) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(field(fmt.Sprint("a", i), "x"))
	}
	return b.String()
}

// TestHostileForms sends to every form that takes files what no browser sends.
// Nothing breaks, and no row is left behind.
func TestHostileForms(t *testing.T) {
	t.Parallel()
	c := newStillTown(t)
	c.possessions(t)
	client := c.signedIn(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	forms := c.fileForms(t, client)
	before := c.rows(t)
	for action, target := range forms {
		for name, body := range hostileForms() {
			status := c.sendForm(t, client, target, body)
			if status < 200 || status >= 500 {
				t.Errorf("%s: %s: %d", action, name, status)
			}
		}
		c.hangsUp(t, client, target)
	}
	if resp, err := client.Get(c.base + "/portal/account"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("not signed in at the end: %v, %v", resp, err)
	}
	c.unchanged(t, before)
}

// fileForms are the forms of all pages that take files, by what stands in their
// action, each with an address at which it is answered here.
func (c *contractTown) fileForms(t *testing.T, client *http.Client) map[string]string {
	t.Helper()
	key, err := c.identity.AuthenticateKey(t.Context(), c.seeds.LiveKey, "")
	if err != nil {
		t.Fatal(err)
	}
	template, err := c.belonging(t.Context(), key.Account, "templates")
	if err != nil {
		t.Fatal(err)
	}
	asked := c.led(t, client, "/portal/applications", url.Values{"legal_name": {"Zilverlinde bv"}, "company_country": {"BE"}, "enterprise_number": {"0671.516.647"},
		"vat_number": {"BE0671516647"}, "company_email": {"info@zilverlinde.example"}, "capacity": {"bestuurder"}, "company_terms": {"on"}})
	errand := c.led(t, client, "/portal/identify", url.Values{})
	forms := map[string]string{"/verify": "/verify", "/portal/new": "/portal/new", "/portal/batches/new": "/portal/batches/new?template=" + template,
		"/portal/address-book/import": "/portal/address-book/import", "/portal/applications/": asked + "/form", "{{$e.Path}}/upload": errand + "/upload"}
	pages, err := filepath.Glob("../../delivery/*/pages/*.html")
	if err != nil || len(pages) < 50 {
		t.Fatal(len(pages), "pages", err)
	}
	form := regexp.MustCompile(`<form[^>]*multipart/form-data[^>]*>`)
	action := regexp.MustCompile(`action="([^"?]*?)(\{\{\$a|\?|")`)
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range form.FindAllString(string(text), -1) {
			m := action.FindStringSubmatch(f)
			if found++; m == nil || forms[m[1]] == "" {
				t.Errorf("%s: %s is not sent anything: add it", filepath.Base(page), f)
			}
		}
	}
	if found != len(forms) {
		t.Errorf("%d forms on pages, %d here", found, len(forms))
	}
	forms["for the script"] = "/portal/new/documents"
	return forms
}

// led is where a form leads to.
func (c *contractTown) led(t *testing.T, client *http.Client, path string, values url.Values) string {
	t.Helper()
	resp, err := client.PostForm(c.base+path, values)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	at := strings.TrimPrefix(resp.Header.Get("Location"), c.base)
	if resp.StatusCode != http.StatusSeeOther || at == "" {
		t.Fatalf("%s: %d\n%.3000s", path, resp.StatusCode, text)
	}
	return at
}

// sendForm sends a form; somebody who was hung up on before all was read was
// refused.
func (c *contractTown) sendForm(t *testing.T, client *http.Client, target string, body bodyOf) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+target, strings.NewReader(body.text))
	if err != nil {
		t.Fatal(err)
	}
	if body.kind != "" {
		req.Header.Set("Content-Type", body.kind)
	}
	resp, err := client.Do(req)
	if err != nil {
		if len(body.text) > 64<<10 {
			return http.StatusRequestEntityTooLarge
		}
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// hangsUp announces a gigabyte, sends the beginning of a file, and goes away.
func (c *contractTown) hangsUp(t *testing.T, client *http.Client, target string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	at, err := url.Parse(c.base + target)
	if err != nil {
		t.Fatal(err)
	}
	var cookies bytes.Buffer
	for _, k := range client.Jar.Cookies(at) {
		fmt.Fprintf(&cookies, "%s=%s; ", k.Name, k.Value)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1073741824\r\n\r\n"+
		"--b\r\nContent-Disposition: form-data; name=\"documents\"; filename=\"a.pdf\"\r\n\r\n%%PDF", target, at.Host, cookies.String())
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil { // it hung up too
		return
	}
	resp.Body.Close()
	if resp.StatusCode >= 500 {
		t.Errorf("%s: who goes away gets %d", target, resp.StatusCode)
	}
}
