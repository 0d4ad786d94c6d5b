package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
)

var anyID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// variableOf is how the documentation calls an object of a collection, or what a
// member of a body names.
func variableOf(of string) string {
	of = strings.TrimSuffix(strings.TrimSuffix(of, "_ids"), "_id")
	switch {
	case strings.HasSuffix(of, "ies"):
		of = strings.TrimSuffix(of, "ies") + "y"
	case strings.HasSuffix(of, "ches"):
		of = strings.TrimSuffix(of, "es")
	default:
		of = strings.TrimSuffix(of, "s")
	}
	return strings.ToUpper(strings.ReplaceAll(of, "-", "_"))
}

// specials make what POST with the contract's example does not. Every other kind
// of object that a path of the API names is made in that way.
func specials() map[string]func(context.Context, *contractTown, map[string]string) (string, error) {
	return map[string]func(context.Context, *contractTown, map[string]string) (string, error){
		"documents": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			return c.out.upload(ctx, fmt.Sprintf("notice-%d.txt", time.Now().UnixNano()), "text/plain; charset=utf-8", []byte("We end the lease on 31 March."))
		},
		"deliveries": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			m, err := c.make(ctx, "messages", nil)
			if err != nil {
				return "", err
			}
			return c.firstOf(ctx, "/messages/"+m+"/deliveries")
		},
		"evidence": func(ctx context.Context, c *contractTown, _ map[string]string) (string, error) {
			d, err := c.posted(ctx)
			if err != nil {
				return "", err
			}
			return c.firstOf(ctx, "/deliveries/"+d+"/evidence")
		},
		"proposals": func(ctx context.Context, c *contractTown, parents map[string]string) (string, error) {
			if err := c.inState(ctx, parents["DELIVERY"], "notified"); err != nil && c.router != nil { // nobody is told in a still town
				return "", err
			}
			id := evidence.NewID()
			_, err := c.pool.Exec(ctx, `INSERT INTO contact_proposal (id, account_id, delivery_id, channel, address, created_at, proven_at)
				SELECT $1, m.account_id, d.id, 'sms', '+32478998877', $3, $3 FROM delivery d JOIN message m ON m.id = d.message_id WHERE d.id = $2`, id, parents["DELIVERY"], time.Now())
			return id, err
		},
	}
}

// firstOf is the id of the first entry of a list.
func (c *contractTown) firstOf(ctx context.Context, path string) (string, error) {
	var list struct{ Data []struct{ ID string } }
	if err := c.out.call(ctx, http.MethodGet, path, nil, &list); err != nil {
		return "", err
	}
	if len(list.Data) == 0 {
		return "", errors.New("nothing in " + path)
	}
	return list.Data[0].ID, nil
}

// posted is a delivery that everything can be read of: it was given to the post
// and its evidence is sealed.
func (c *contractTown) posted(ctx context.Context) (string, error) {
	if c.kept["posted"] == "" {
		d, err := c.post(ctx)
		if err != nil {
			return "", err
		}
		c.kept["posted"] = d
	}
	return c.kept["posted"], nil
}

// post lets time pass until a delivery was given to the post.
func (c *contractTown) post(ctx context.Context) (string, error) {
	d, err := c.make(ctx, "deliveries", nil)
	if err != nil {
		return "", err
	}
	if err := c.inState(ctx, d, "notified"); err != nil {
		return "", err
	}
	if err := c.out.call(ctx, http.MethodPost, "/test-clock/advance", map[string]string{"by": "P40D"}, nil); err != nil {
		return "", err
	}
	if err := eventually(ctx, func() (bool, error) {
		resp, err := c.out.do(ctx, http.MethodGet, "/deliveries/"+d+"/letter", "", nil, nil)
		if err != nil { // not yet
			return false, nil
		}
		return true, resp.Body.Close()
	}); err != nil {
		return "", fmt.Errorf("letter: %w", err)
	}
	paper, err := c.app.out.vault.Put(ctx, "paper-"+d, strings.NewReader("%PDF-1.7 deposit"))
	if err != nil {
		return "", err
	}
	if _, err := c.pool.Exec(ctx, `INSERT INTO postal_document (delivery_id, position, kind, report_id, media_type, object, key_id, wrapped_key, size, sha256, created_at)
		VALUES ($1, 1, 'deposit_proof', 'r-1', 'application/pdf', $2, $3, $4, $5, $6, $7)`, d, paper.Name, paper.KeyID, paper.Key, paper.Size, paper.SHA256, time.Now()); err != nil {
		return "", err
	}
	err = eventually(ctx, func() (bool, error) {
		var list struct{ Data []struct{ Status string } }
		err := c.out.call(ctx, http.MethodGet, "/deliveries/"+d+"/evidence", nil, &list)
		for _, p := range list.Data {
			if p.Status != "sealed" {
				return false, err
			}
		}
		return true, err
	})
	return d, err
}

// inState waits until a delivery is in a state.
func (c *contractTown) inState(ctx context.Context, delivery, state string) error {
	var d struct{ State string }
	err := eventually(ctx, func() (bool, error) {
		err := c.out.call(ctx, http.MethodGet, "/deliveries/"+delivery, nil, &d)
		return d.State == state, err
	})
	if err != nil {
		return fmt.Errorf("delivery is %s, not %s: %w", d.State, state, err)
	}
	return nil
}
