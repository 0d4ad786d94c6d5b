package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/invoice"
	"github.com/bode-erds/bode/delivery/pay"
	"github.com/bode-erds/bode/identity"
)

// hookPay is where the payment provider tells of payments.
const hookPay = "/hooks/pay/mollie"

// creditsConfig says what sending costs, and how it is paid.
type creditsConfig struct {
	Prices   string `help:"JSON file of prices, as delivery/prices.json; empty: nobody is charged." type:"path" env:"BODE_CREDITS_PRICES"`
	Seller   string `help:"JSON file with who issues invoices: name, number, vat, lines, postcode, city, country, email, phone, iban, bic." type:"path" env:"BODE_CREDITS_SELLER"`
	Mollie   string `help:"File with the key of Mollie; empty: nobody can pay online." type:"path" env:"BODE_CREDITS_MOLLIE"`
	API      string `help:"Address of Mollie's interface." default:"https://api.mollie.com" env:"BODE_CREDITS_API"`
	Invoices string `help:"Folder from which an access point of the Peppol network takes invoices; empty: they are sent to nobody." type:"path" env:"BODE_CREDITS_INVOICES"`
	Keep     int    `help:"Years that invoices are kept; at least 7." default:"10" env:"BODE_CREDITS_KEEP"`
}

func (c creditsConfig) validate(need func(ok bool, setting, why string)) {
	need(c.Prices == "" || c.Seller != "", "credits-seller", "who is charged gets invoices")
	need(c.Prices != "" || c.Seller == "" && c.Mollie == "" && c.Invoices == "", "credits-prices", "without them nobody is charged")
	need(c.Keep >= 7, "credits-keep", "the law asks for seven years at least")
}

// credits is what a service charges with. The zero credits charge nobody.
type credits struct {
	prices   delivery.Prices
	opening  delivery.CreditMode
	seller   delivery.Seller
	provider delivery.PaymentProvider
	network  delivery.InvoiceNetwork
	keep     int
}

// open reads what the settings name.
func (c creditsConfig) open() (out credits, err error) {
	if c.Prices == "" {
		return out, nil
	}
	raw, err := os.ReadFile(c.Prices)
	if err != nil {
		return out, err
	}
	list, err := delivery.ParsePrices(raw)
	if err != nil {
		return out, fmt.Errorf("--credits-prices: %w", err)
	}
	out.prices, out.keep = list, c.Keep
	if raw, err = os.ReadFile(c.Seller); err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out.seller); err != nil {
		return out, fmt.Errorf("--credits-seller: %w", err)
	}
	if c.Invoices != "" {
		out.network = invoice.Folder{Dir: c.Invoices}
	}
	key, err := readSecret(c.Mollie)
	if err != nil || key == "" {
		return out, err
	}
	out.provider, err = pay.New(pay.Config{Key: key, API: c.API})
	return out, err
}

// billing is how credit is sold; nil where nobody is charged.
func (c credits) billing(accounts *identity.Service) (*delivery.Billing, error) {
	if c.prices == nil {
		return nil, nil
	}
	papers, err := invoice.New()
	return &delivery.Billing{Seller: c.seller, Buyers: accounts, Provider: c.provider, Papers: papers, Network: c.network, Tell: accounts, Keep: c.keep}, err
}

// payHook mounts what the payment provider calls. What it says is not believed:
// it makes us ask. Whoever else calls learns nothing.
func (a *app) payHook(mux *http.ServeMux) {
	if a.out.credits.provider == nil {
		return
	}
	mux.HandleFunc("POST "+hookPay, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		ref := r.PostFormValue("id")
		if !pay.IsRef(ref) {
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		if err := a.deliveries.PaymentTold(ctx, ref); err != nil && !errors.Is(err, delivery.ErrNotFound) {
			a.log.WarnContext(ctx, "payment not taken in", "ref", ref, "err", err)
			http.Error(w, "later", http.StatusServiceUnavailable)
		}
	})
}

// money does what is due about credit. One thing that fails does not hold up the
// others.
func (a *app) money(ctx context.Context) error {
	if a.out.credits.prices == nil {
		return nil
	}
	var errs []error
	did := func(what string, n int, err error) {
		if n > 0 {
			a.log.InfoContext(ctx, what, "count", n)
		}
		errs = append(errs, err)
	}
	n, err := a.deliveries.AskPayments(ctx, 50)
	did("payments asked for", n, err)
	n, err = a.deliveries.SettleLeft(ctx, 200)
	did("deliveries settled late", n, err)
	n, err = a.deliveries.Bill(ctx)
	did("monthly invoices", n, err)
	n, err = a.deliveries.SendInvoices(ctx, 50)
	did("invoices sent", n, err)
	n, err = a.deliveries.TellLow(ctx, 50)
	did("told of low credit", n, err)
	n, err = a.deliveries.ForgetInvoices(ctx)
	did("invoices whose years are over", n, err)
	return errors.Join(errs...)
}

// demoTill is a stand-in of the payment provider on loopback.
type demoTill struct {
	server *http.Server
	stand  *pay.StandIn
}

// startTill lets the stand-in answer, with its page on which to pay.
func startTill(log *slog.Logger) (*demoTill, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &demoTill{}
	if t.stand, err = pay.NewStandIn("http://"+l.Addr().String(), "test_demo"); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	t.server = &http.Server{Handler: t.stand, ReadTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go t.server.Serve(l)
	return t, nil
}

// credits charges as the example prices say; whoever signs up in a demonstration
// is charged nothing.
func (t *demoTill) credits(dir string) (credits, error) {
	prices, err := delivery.ExamplePrices()
	if err != nil {
		return credits{}, err
	}
	provider, err := pay.New(pay.Config{Key: t.stand.Key, API: t.stand.Base})
	return credits{prices: prices, opening: delivery.Free, provider: provider, network: invoice.Folder{Dir: dir}, seller: delivery.Seller{
		Name: "Bode demonstration bv", Number: "0403170701", VAT: "BE0403170701", Lines: []string{"Demostraat 1"}, Postcode: "1000", City: "Brussel",
		Country: "BE", Email: "invoices@bode.example", IBAN: "BE68539007547034"}}, err
}

// seedCredit gives the accounts of a demonstration credit, so that prices and
// statements show something.
func (a *app) seedCredit(ctx context.Context, account string, cents int64) error {
	if a.out.credits.prices == nil {
		return nil
	}
	if err := a.deliveries.SetTerms(ctx, identity.System, account, delivery.CreditTerms{Mode: delivery.Prepaid}, "demonstration"); err != nil {
		return err
	}
	return a.deliveries.Give(ctx, identity.System, account, cents, "demonstration", "seed")
}
