package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// createDocument streams a document into the vault.
func (a *API) createDocument(c *call) error {
	once, err := c.once(nil)
	if err != nil {
		return err
	}
	digest, err := announced(c.Request().Header.Values("Repr-Digest"))
	if err != nil {
		return err
	}
	body, err := c.body(a.MaxDocument, errDocument)
	if err != nil {
		return err
	}
	done, err := a.limits.upload(c.key.ID, c.key.Mode, a.Now())
	if err != nil {
		return err
	}
	defer done()
	shared := c.QueryParam("shared")
	if shared != "" && shared != "true" && shared != "false" {
		return errInvalid.with(delivery.FieldError{Pointer: "/shared", Code: "unsupported", Args: map[string]string{"allowed": "true, false"}})
	}
	d, replayed, err := a.Deliveries.Upload(c.ctx(), c.key.Account, delivery.NewDocument{
		Filename: c.QueryParam("filename"), MediaType: c.Request().Header.Get("Content-Type"), SHA256: digest, Shared: shared == "true",
	}, body, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/documents/"+string(d.ID))
	return writeJSON(c, http.StatusCreated, documentOf(d))
}

func (a *API) getDocument(c *call) error {
	d, err := a.Deliveries.Document(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, documentOf(d))
}

// announced reads the SHA-256 of a Repr-Digest field; other algorithms are
// passed over. RFC 9530 §3
func announced(values []string) (string, error) {
	for _, member := range strings.Split(strings.Join(values, ","), ",") {
		alg, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if alg != "sha-256" {
			continue
		}
		inner, ok := strings.CutPrefix(value, ":")
		inner, ok2 := strings.CutSuffix(inner, ":")
		sum, err := base64.StdEncoding.DecodeString(inner)
		if !ok || !ok2 || err != nil || len(sum) != 32 {
			return "", errDigestHeader
		}
		return hex.EncodeToString(sum), nil
	}
	return "", nil
}

// once reads the Idempotency-Key of a request whose body has the given digest.
// A test key and a live key never stand for the same request: the answer to the
// one may not be given to the other.
func (c *call) once(digest []byte) (delivery.Once, error) {
	values := c.Request().Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return delivery.Once{}, nil
	}
	key := values[0]
	if len(values) > 1 || len(key) == 0 || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return delivery.Once{}, errKeyHeader
	}
	kind := "live"
	if c.key.Test {
		kind = "test"
	}
	sum := sha256.Sum256(append([]byte(kind+"\x00"), digest...))
	return delivery.Once{Key: key, Digest: sum[:]}, nil
}

func (c *call) replayed(yes bool) {
	if yes {
		c.Response().Header().Set("Idempotency-Replayed", "true")
	}
}

// file sends a document as a download. A failure before the first octet is a
// problem; after it, the connection is cut.
func (c *call) file(name, mediaType string, write func(context.Context, io.Writer) error) error {
	w := &late{call: c, name: name, mediaType: mediaType}
	err := write(c.ctx(), w)
	if err == nil && !w.begun {
		_, err = w.Write(nil)
	}
	return err
}

// late sends the header of a download with its first octets.
type late struct {
	*call
	name, mediaType string
	begun           bool
}

func (w *late) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		h := w.Response().Header()
		h.Set("Content-Type", w.mediaType)
		h.Set("Content-Disposition", `attachment; filename="`+w.name+`"`)
		w.Response().WriteHeader(http.StatusOK)
	}
	return w.Response().Write(p)
}
