package portal

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/bode-erds/bode/delivery"
)

// paper gives one paper of a letter: a proof of deposit, an acknowledgement of
// receipt, a scan.
func (p *Portal) paper(v *visitor) error {
	d, err := p.Deliveries.Delivery(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	list, err := p.Deliveries.Papers(v.ctx(), d.ID)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(v.Param("n"))
	i := slices.IndexFunc(list, func(x delivery.Paper) bool { return x.Position == n })
	if err != nil || i < 0 {
		return delivery.ErrNotFound
	}
	r, err := p.Deliveries.OpenPaper(v.ctx(), d.ID, n)
	if err != nil {
		return err
	}
	defer r.Close()
	p.looked(v, "letter_taken", string(d.ID))
	v.attach(fmt.Sprintf("%s-%d-%s", d.Message.Number, d.Position, list[i].Filename()), list[i].MediaType)
	_, err = io.Copy(v.Response(), r)
	return err
}

// answerProposal lets the sender agree to a better address of the recipient, or
// decline it.
func (p *Portal) answerProposal(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	answer := v.FormValue("answer")
	if answer != "agree" && answer != "decline" {
		return delivery.ErrNotFound
	}
	err := p.Deliveries.AnswerProposal(v.ctx(), v.actor(), v.id(), v.Param("proposal"), answer == "agree")
	if err != nil && !errors.Is(err, delivery.ErrDecided) && !errors.Is(err, delivery.ErrNotOpen) {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/deliveries/"+string(v.id())) // which says how it stands
}
