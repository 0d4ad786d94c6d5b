package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/post"
)

// hookPost is where Pingen tells of letters.
const hookPost = "/hooks/post/pingen"

// partnerConfig says how a print and post partner is reached that does not read
// our own folder.
type partnerConfig struct {
	Product string       `help:"The partner's product." default:"registered" env:"BODE_POST_PRODUCT"`
	NoAck   bool         `help:"The partner acknowledges no letters: raise no alarm over those." env:"BODE_POST_NO_ACK"`
	SFTP    sftpConfig   `embed:"" prefix:"sftp-"`
	Pingen  pingenConfig `embed:"" prefix:"pingen-"`
	Bpost   bpostConfig  `embed:"" prefix:"bpost-"`
}

type sftpConfig struct {
	Addr     string `help:"Server of the partner, host:port; its hot folder is there, and --post-dir is our memory of it." env:"BODE_POST_SFTP_ADDR"`
	User     string `help:"Our name there." env:"BODE_POST_SFTP_USER"`
	Folder   string `help:"The hot folder there; default: where signing in leads." env:"BODE_POST_SFTP_FOLDER"`
	HostKey  string `help:"File with the public host key of the server." type:"path" env:"BODE_POST_SFTP_HOST_KEY"`
	Key      string `help:"File with our private key, as of ssh-keygen, without a passphrase." type:"path" env:"BODE_POST_SFTP_KEY"`
	Password string `help:"File with our password, in place of a key." type:"path" env:"BODE_POST_SFTP_PASSWORD"`
}

type pingenConfig struct {
	Organisation string `help:"Id of our organisation at Pingen; letters go there, and --post-dir is our memory of it." env:"BODE_POST_PINGEN_ORGANISATION"`
	Client       string `help:"Client id." env:"BODE_POST_PINGEN_CLIENT"`
	Secret       string `help:"File with the client's secret." type:"path" env:"BODE_POST_PINGEN_SECRET"`
	Hook         string `help:"File with the secret of webhooks, which come to /hooks/post/pingen; empty: none are taken." type:"path" env:"BODE_POST_PINGEN_HOOK"`
	API          string `help:"Address of the interface." default:"https://api.pingen.com" env:"BODE_POST_PINGEN_API"`
	Identity     string `help:"Address where tokens are given." default:"https://identity.pingen.com" env:"BODE_POST_PINGEN_IDENTITY"`
}

type bpostConfig struct {
	Account    int64  `help:"Account at bpost: letters in Belgium are announced and tracked there; 0: they are not." env:"BODE_POST_BPOST_ACCOUNT"`
	Subaccount int64  `help:"Account of a department." env:"BODE_POST_BPOST_SUBACCOUNT"`
	Router     int64  `help:"Our account as router, when we send for others." env:"BODE_POST_BPOST_ROUTER"`
	Key        string `help:"File with the key of the interface." type:"path" env:"BODE_POST_BPOST_KEY"`
	API        string `help:"Address of the interface." default:"https://sen.bpost.be" env:"BODE_POST_BPOST_API"`
	Product    string `help:"registeredmail or judicialmail." enum:"registeredmail,judicialmail" default:"registeredmail" env:"BODE_POST_BPOST_PRODUCT"`
	Receipt    bool   `help:"Ask for digital acknowledgements of receipt." env:"BODE_POST_BPOST_RECEIPT"`
	Public     bool   `help:"Option RP, of public authorities." env:"BODE_POST_BPOST_PUBLIC"`
	Announce   string `help:"Path of announcing, by the contract; {product}, {reference}, {barcode} and {kind} are filled in." env:"BODE_POST_BPOST_ANNOUNCE"`
	Search     string `help:"Path of searching by our reference." env:"BODE_POST_BPOST_SEARCH"`
	Track      string `help:"Path of tracking." env:"BODE_POST_BPOST_TRACK"`
	Proof      string `help:"Path of signed proofs." env:"BODE_POST_BPOST_PROOF"`
}

// validate says what is missing, by setting.
func (c postConfig) validate(need func(ok bool, setting, why string)) {
	need(c.Dir == "" || c.Partner != "", "post-partner", "its name goes into evidence")
	s, p, b := c.SFTP, c.Pingen, c.Bpost
	need(c.Dir != "" || s.Addr == "" && p.Organisation == "" && b.Account == 0, "post-dir", "our memory of what was handed over")
	need(s.Addr == "" || p.Organisation == "", "post-sftp-addr", "there is one print and post partner")
	if s.Addr != "" {
		need(s.User != "", "post-sftp-user", "our name at the partner's server")
		need(s.HostKey != "", "post-sftp-host-key", "with it we know the partner's server")
		need((s.Key != "") != (s.Password != ""), "post-sftp-key", "either a key or a password")
	}
	if p.Organisation != "" {
		need(p.Client != "", "post-pingen-client", "who we are at Pingen")
		need(p.Secret != "", "post-pingen-secret", "who we are at Pingen")
	}
	c.printConfig.validate(need)
	need(b.Account == 0 || b.Key != "", "post-bpost-key", "who we are at bpost")
	need(b.Account == 0 || p.Organisation == "", "post-bpost-account", "letters that Pingen posts are not announced at bpost")
}

// open opens the partner. conf says what letters look like, and where our memory
// of them is.
func (c postConfig) open(conf post.Config) (delivery.PostPartner, error) {
	conf.Product = c.Product
	if c.NoAck {
		conf.AckWithin = -1
	}
	work, err := workdays()
	if err != nil {
		return nil, err
	}
	conf.Workday = work
	if conf.Operator, err = c.Bpost.open(); err != nil {
		return nil, err
	}
	switch {
	case c.SFTP.Addr != "":
		return c.SFTP.open(conf)
	case c.Pingen.Organisation != "":
		return c.Pingen.open(conf)
	}
	return post.NewHotFolder(conf)
}

// workdays are the days on which a partner in Belgium answers.
func workdays() (post.Workday, error) {
	terms, err := delivery.ReadTerms()
	if err != nil {
		return nil, err
	}
	for _, calendar := range terms.Calendars {
		if calendar.Country == "BE" {
			return func(t time.Time) bool { return calendar.Working(delivery.DateOf(t, t.Location()), false) }, nil
		}
	}
	return nil, errors.New("no Belgian calendar")
}

func (c sftpConfig) open(conf post.Config) (delivery.PostPartner, error) {
	out := post.SFTPConfig{Config: conf, Addr: c.Addr, User: c.User, Folder: c.Folder}
	hosts, err := os.ReadFile(c.HostKey)
	if err != nil {
		return nil, err
	}
	if out.HostKeys, err = post.ParseHostKeys(hosts); err != nil {
		return nil, fmt.Errorf("%s: %w", c.HostKey, err)
	}
	secret, err := readSecret(c.Key + c.Password) // one of the two is empty
	if err != nil {
		return nil, err
	}
	if c.Password != "" {
		out.Auth = []ssh.AuthMethod{ssh.Password(secret)}
		return post.NewSFTP(out)
	}
	key, err := ssh.ParsePrivateKey([]byte(secret + "\n"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Key, err)
	}
	out.Auth = []ssh.AuthMethod{ssh.PublicKeys(key)}
	return post.NewSFTP(out)
}

func (c pingenConfig) open(conf post.Config) (delivery.PostPartner, error) {
	secret, err := readSecret(c.Secret)
	if err != nil {
		return nil, err
	}
	hook, err := readSecret(c.Hook)
	if err != nil {
		return nil, err
	}
	return post.NewPingen(post.PingenConfig{Config: conf, API: c.API, Identity: c.Identity, Organisation: c.Organisation,
		ClientID: c.Client, ClientSecret: secret, HookSecret: hook})
}

// open gives nil without an account.
func (c bpostConfig) open() (post.Operator, error) {
	if c.Account == 0 {
		return nil, nil
	}
	key, err := readSecret(c.Key)
	if err != nil {
		return nil, err
	}
	return post.NewBpost(post.BpostConfig{API: c.API, Key: key, Product: c.Product, Account: c.Account, Subaccount: c.Subaccount,
		Router: c.Router, Receipt: c.Receipt, Public: c.Public,
		Paths: post.BpostPaths{Announce: c.Announce, Search: c.Search, Track: c.Track, Proof: c.Proof}})
}

// openPost opens the print and post partner, if there is one.
func (c config) openPost(o *outside, log *slog.Logger) error {
	if c.Post.Dir == "" {
		return o.openPush(c.Push, post.Config{})
	}
	o.printing = c.Post.printConfig
	window, err := post.WindowNamed(c.Post.Window)
	if err != nil {
		return err
	}
	conf := post.Config{Dir: c.Post.Dir, Partner: c.Post.Partner, Service: c.Service, Window: window, Product: c.Post.Product,
		Return: c.Post.Return, Seal: o.letters, Logger: log}
	if conf.Converter, err = c.Post.converter(); err != nil {
		return err
	}
	if o.post, err = c.Post.open(conf); err != nil {
		return err
	}
	tariff, err := c.Post.tariff()
	if err != nil {
		return err
	}
	if o.previews, err = post.NewPreviewer(conf, tariff); err != nil {
		return err
	}
	return o.openPush(c.Push, conf)
}

// postHooks mounts what a print and post partner calls.
func (a *app) postHooks(mux *http.ServeMux) {
	if p, ok := a.out.post.(*post.Pingen); ok {
		mux.Handle("POST "+hookPost, p)
	}
}
