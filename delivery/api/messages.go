package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/bode-erds/bode/delivery"
)

// createMessage submits a message.
func (a *API) createMessage(c *call) error {
	in := newMessage{Policy: policyOf(a.Deliveries.DefaultPolicy())}
	raw, faults, err := a.readJSON(c, "NewMessage", &in)
	if err != nil {
		return err
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	if once.Seed, err = c.seed(once.Key); err != nil {
		return err
	}
	leave, err := a.Deliveries.Seat()
	if err != nil {
		return err
	}
	defer leave()
	if in, err = a.prepared(c, raw, in); err != nil {
		return err
	}
	m, list, replayed, err := a.submitMessage(c, in, faults, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/messages/"+string(m.ID))
	if replayed || len(list) > delivery.MaxPage {
		return a.answerMessage(c, http.StatusCreated, m)
	}
	return writeJSON(c, http.StatusCreated, messageOf(m, countStates(list), list))
}

// submitMessage submits what a caller described, alone or in a batch. faults are
// what the contract found.
func (a *API) submitMessage(c *call, in newMessage, faults delivery.FieldErrors, once delivery.Once) (delivery.Message, []delivery.Delivery, bool, error) {
	sub := in.submission()
	if len(faults) > 0 {
		return delivery.Message{}, nil, false, merge(faults, a.Deliveries.Check(sub))
	}
	by := delivery.Submitter{By: c.actor(a.Now()), Sender: delivery.SenderParty(c.sender), Test: c.key.Test}
	return a.Deliveries.SubmitAll(c.ctx(), by, sub, once)
}

// digestOf is the digest of a JSON body whatever its white space.
func digestOf(raw []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		b.Reset()
		b.Write(raw)
	}
	sum := sha256.Sum256(b.Bytes())
	return sum[:]
}

// answerMessage sends a message with the first page of its deliveries.
func (a *API) answerMessage(c *call, status int, m delivery.Message) error {
	list, err := a.Deliveries.Deliveries(c.ctx(), m.Account, m.ID, 0, delivery.MaxPage)
	if err != nil {
		return err
	}
	counts := countStates(list)
	if len(list) != m.Deliveries { // not all are here
		all, err := a.Deliveries.Counts(c.ctx(), m.Account, m.ID)
		if err != nil {
			return err
		}
		counts = all[m.ID]
	}
	return writeJSON(c, status, messageOf(m, counts, list))
}

func countStates(list []delivery.Delivery) map[delivery.State]int {
	counts := map[delivery.State]int{}
	for _, d := range list {
		counts[d.State]++
	}
	return counts
}

// message finds a message of the key's account and kind.
func (a *API) message(c *call) (delivery.Message, error) {
	m, err := a.Deliveries.Message(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err == nil && m.Test != c.key.Test {
		err = delivery.ErrNotFound
	}
	return m, err
}

func (a *API) getMessage(c *call) error {
	m, err := a.message(c)
	if err != nil {
		return err
	}
	return a.answerMessage(c, http.StatusOK, m)
}

func (a *API) listDeliveries(c *call) error {
	m, err := a.message(c)
	if err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := c.cursor()
	if err != nil {
		return err
	}
	position := 0
	if after != "" {
		if position, err = strconv.Atoi(after); err != nil || position < 1 || position > delivery.MaxRecipients {
			return errCursor
		}
	}
	list, err := a.Deliveries.Deliveries(c.ctx(), m.Account, m.ID, position, limit)
	if err != nil {
		return err
	}
	page := page[deliveryView]{Data: make([]deliveryView, len(list))}
	for i, d := range list {
		page.Data[i] = deliveryOf(d)
	}
	if len(list) == limit {
		page.Next = encodeCursor(strconv.Itoa(list[limit-1].Position))
	}
	return sendPage(c, page)
}

// cancelMessage withdraws what nobody has decided on. Doing it again with the
// same key is no error.
func (a *API) cancelMessage(c *call) error {
	m, err := a.message(c)
	if err != nil {
		return err
	}
	once, err := c.once(digestOf([]byte("cancel " + m.ID)))
	if err != nil {
		return err
	}
	replayed, err := a.Deliveries.Cancel(c.ctx(), c.actor(a.Now()), m.ID, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	return a.answerMessage(c, http.StatusOK, m)
}
