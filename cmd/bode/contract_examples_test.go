package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// notByExample are the operations whose example cannot succeed as it stands, and
// the status that it gets instead.
func notByExample() map[string]int {
	return map[string]int{
		"grantToken": http.StatusUnauthorized, // the assertion of an example is signed by nobody
	}
}

// withLiveKey are the operations that do nothing for a test key: tests cost
// nothing, so that nothing is paid for them.
func withLiveKey(operation string) bool {
	return slices.Contains([]string{"createTopUp", "getTopUp", "getInvoice", "getInvoicePDF", "getInvoiceUBL"}, operation)
}

type maker = func(context.Context, *contractTown, map[string]string) (string, error)

// inPlace make what an operation can be done with: an object that is where the
// operation wants it. By operation and variable.
func inPlace() map[string]maker {
	return map[string]maker{
		"uploadBatch TEMPLATE": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.listTemplate(ctx)
		},
		"getBatchColumns BATCH": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.list(ctx) },
		"setBatchColumns BATCH": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.list(ctx) },
		"cancelBatch BATCH":     func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.list(ctx) },
		"confirmBatch BATCH": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.checkedList(ctx)
		},
		"confirmBatch DIGEST": (func(ctx context.Context, c *contractTown, of map[string]string) (string, error) {
			return c.listDigest(ctx, of["BATCH"])
		}),
		"pauseBatch BATCH": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.listIn(ctx, "running")
		},
		"resumeBatch BATCH": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.listIn(ctx, "paused")
		},
		"submitDraft DRAFT": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.wholeDraft(ctx, false)
		},
		"submitDraft SEND_AT": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.clock(ctx) },
		"takeBackDraft DRAFT": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.wholeDraft(ctx, true)
		},
		"resendWebhook WEBHOOK": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.provenHook(ctx)
		},
		"resendWebhookAttempt WEBHOOK": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.triedHook(ctx)
		},
		"getTopUp TOP_UP":       func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.topUp(ctx) },
		"getInvoice INVOICE":    func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.invoice(ctx) },
		"getInvoicePDF INVOICE": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.invoice(ctx) },
		"getInvoiceUBL INVOICE": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) { return c.invoice(ctx) },
	}
}

// listTemplate is a template that the columns of the contract's example fill in.
func (c *contractTown) listTemplate(ctx context.Context) (string, error) {
	if c.kept["template of lists"] == "" {
		var t struct{ ID string }
		if err := c.out.call(ctx, http.MethodPost, "/templates", map[string]string{"name": "Lists", "subject": "Invoice", "body": "You owe us ((amount)) euro.", "language": "en"}, &t); err != nil {
			return "", err
		}
		c.kept["template of lists"] = t.ID
	}
	return c.kept["template of lists"], nil
}

// list is a list that was uploaded and waits for its columns.
func (c *contractTown) list(ctx context.Context) (string, error) {
	template, err := c.listTemplate(ctx)
	if err != nil {
		return "", err
	}
	text, _ := c.doc.Paths.Value("/batches/csv").Post.RequestBody.Value.Content["text/csv"].Example.(string)
	resp, err := c.out.do(ctx, http.MethodPost, "/batches/csv?name=a.csv&template_id="+template, "text/csv", nil, strings.NewReader(text))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	at := resp.Header.Get("Location")
	return at[strings.LastIndexByte(at, '/')+1:], nil
}

// checkedList is one whose rows were checked.
func (c *contractTown) checkedList(ctx context.Context) (string, error) {
	id, err := c.list(ctx)
	if err != nil {
		return "", err
	}
	example := c.doc.Paths.Value("/batches/{id}/columns").Put.RequestBody.Value.Content["application/json"].Example
	if err := c.out.call(ctx, http.MethodPut, "/batches/"+id+"/columns", example, nil); err != nil {
		return "", err
	}
	err = eventually(ctx, func() (bool, error) {
		digest, err := c.listDigest(ctx, id)
		return digest != "", err
	})
	return id, err
}

func (c *contractTown) listDigest(ctx context.Context, id string) (string, error) {
	var b struct{ Digest string }
	err := c.out.call(ctx, http.MethodGet, "/batches/"+id, nil, &b)
	return b.Digest, err
}

// listIn is one that is where a long list would be: a short one is through before
// anybody can pause it.
func (c *contractTown) listIn(ctx context.Context, state string) (string, error) {
	id, err := c.checkedList(ctx)
	if err != nil {
		return "", err
	}
	digest, err := c.listDigest(ctx, id)
	if err != nil {
		return "", err
	}
	if err := c.out.call(ctx, http.MethodPost, "/batches/"+id+"/confirm", map[string]string{"digest": digest}, nil); err != nil {
		return "", err
	}
	if err := eventually(ctx, func() (bool, error) {
		var b struct{ Status string }
		err := c.out.call(ctx, http.MethodGet, "/batches/"+id, nil, &b)
		return b.Status == "done", err
	}); err != nil {
		return "", err
	}
	_, err = c.pool.Exec(ctx, `UPDATE bulk SET state = $2, ended_at = NULL, wrapped_key = '\x00' WHERE id = $1`, id, state)
	return id, err
}

// wholeDraft is a draft that can be sent, or one that will be in a day.
func (c *contractTown) wholeDraft(ctx context.Context, planned bool) (string, error) {
	var d struct{ ID string }
	message := map[string]any{"subject": "Notice", "body": "We end the lease.", "policy": map[string]string{"fallback": "none"}, "recipients": []any{map[string]any{
		"name": map[string]string{"given": "An", "family": "Peeters"}, "email": "an@example.be", "mobile": "+32470123456", "language": "nl"}}}
	if err := c.out.call(ctx, http.MethodPost, "/drafts", message, &d); err != nil || !planned {
		return d.ID, err
	}
	at, err := c.clock(ctx)
	if err != nil {
		return "", err
	}
	return d.ID, c.out.call(ctx, http.MethodPost, "/drafts/"+d.ID+"/submit", map[string]string{"send_at": at}, nil)
}

// clock is a moment to come, by the test clock.
func (c *contractTown) clock(ctx context.Context) (string, error) {
	var k struct{ Now time.Time }
	err := c.out.call(ctx, http.MethodPost, "/test-clock/advance", map[string]string{"by": "PT1S"}, &k)
	return k.Now.AddDate(0, 0, 7).UTC().Format(time.RFC3339), err
}

// provenHook is a webhook at a program that answers.
func (c *contractTown) provenHook(ctx context.Context) (string, error) {
	var w struct{ ID string }
	if err := c.out.call(ctx, http.MethodPost, "/webhooks", map[string]any{"url": c.stands.hook.url, "types": []string{"all"}}, &w); err != nil {
		return "", err
	}
	return w.ID, c.out.call(ctx, http.MethodPost, "/webhooks/"+w.ID+"/test", nil, nil)
}

// triedHook is one to which what happened so far was pushed.
func (c *contractTown) triedHook(ctx context.Context) (string, error) {
	id, err := c.provenHook(ctx)
	if err != nil {
		return "", err
	}
	if err := c.out.call(ctx, http.MethodPost, "/webhooks/"+id+"/resend", map[string]string{}, nil); err != nil {
		return "", err
	}
	return id, eventually(ctx, func() (bool, error) {
		var list struct{ Data []struct{} }
		err := c.out.call(ctx, http.MethodGet, "/webhooks/"+id+"/attempts", nil, &list)
		return len(list.Data) >= 3, err
	})
}

// live calls as the program that sends in earnest.
func (c *contractTown) live() outsider {
	o := c.out
	o.info.TestKey = c.seeds.LiveKey
	return o
}

// topUp is credit that was bought and paid.
func (c *contractTown) topUp(ctx context.Context) (string, error) {
	if c.kept["top-up"] != "" {
		return c.kept["top-up"], nil
	}
	var t struct{ ID, Checkout string }
	if err := c.live().call(ctx, http.MethodPost, "/top-ups", map[string]any{"amount": 10000, "language": "en"}, &t); err != nil {
		return "", err
	}
	resp, err := http.PostForm(t.Checkout, url.Values{"status": {"paid"}}) // and back to the portal
	if err != nil {
		return "", err
	}
	c.kept["top-up"] = t.ID
	return t.ID, resp.Body.Close()
}

// invoice is that of credit which was paid.
func (c *contractTown) invoice(ctx context.Context) (id string, err error) {
	if _, err := c.topUp(ctx); err != nil {
		return "", err
	}
	err = eventually(ctx, func() (bool, error) {
		var list struct{ Data []struct{ ID string } }
		if err := c.live().call(ctx, http.MethodGet, "/invoices", nil, &list); err != nil || len(list.Data) == 0 {
			return false, err
		}
		id = list.Data[0].ID
		return true, nil
	})
	if err != nil {
		return "", errors.Join(fmt.Errorf("no invoice of %s", c.kept["top-up"]), err)
	}
	return id, nil
}
