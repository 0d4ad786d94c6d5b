package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// sources is where settings come from, for commands that take any.
type sources struct {
	Config settingsFile `help:"JSON file with settings by flag name; flags and environment win." type:"path" env:"BODE_CONFIG"`
}

// store is the database and the service's own keys: all that the commands of an
// operator need.
type store struct {
	Database string `help:"PostgreSQL address." env:"DATABASE_URL" placeholder:"postgres://…"`
	Secrets  string `help:"Directory of link.key, box.key, digest.key, codes.key, bounce.key (64 hexadecimal digits each)." type:"path" env:"BODE_SECRETS"`
}

// config is every setting of a real service. Each is a flag, an environment
// variable, or a line of the file named by --config; secrets are paths of files.
type config struct {
	sources
	store

	Listen  string         `help:"Address to answer on." default:"127.0.0.1:8080" env:"BODE_LISTEN"`
	Clamd   string         `help:"ClamAV's daemon, host:port or the path of its socket, which sees every upload; empty: nobody looks for malware." env:"BODE_CLAMD"`
	Admin   string         `name:"admin-listen" help:"Address for the operator's own network: figures for Prometheus, health, profiles. Nobody is asked who they are there; empty: nowhere." env:"BODE_ADMIN_LISTEN" placeholder:"127.0.0.1:9090"`
	Drain   time.Duration  `help:"How long a process that is told to stop still answers while /readyz says no, so that whoever leads requests to it goes elsewhere; a minute at most." default:"5s" env:"BODE_DRAIN"`
	BaseURL string         `help:"Public address, without a slash at the end." env:"BODE_BASE_URL" placeholder:"https://bode.example"`
	Service string         `help:"What the service calls itself to people." default:"Bode" env:"BODE_SERVICE"`
	Proxies []netip.Prefix `help:"Networks of proxies whose X-Forwarded-For is believed." env:"BODE_PROXIES"`
	Keys    string         `help:"Directory of the key-encryption keys." type:"path" env:"BODE_KEYS"`

	KeysToken string `name:"keys-token" help:"File that names the AES key of a PKCS #11 device under which key-encryption keys lie; empty: they are files in clear, of their owner alone." type:"path" env:"BODE_KEYS_TOKEN"`

	Mails   mailsConfig   `embed:"" prefix:"mails-"`
	Content contentConfig `embed:"" prefix:"content-"`
	SMTP    smtpConfig    `embed:"" prefix:"smtp-"`
	SMS     smsConfig     `embed:"" prefix:"sms-" envprefix:"BODE_SMS_"`
	SMS2    smsConfig     `embed:"" prefix:"sms2-" envprefix:"BODE_SMS2_"`
	Quiet   string        `name:"quiet-hours" help:"Hours of Brussels in which announcements by SMS wait; none: they never do." default:"21:00-08:00" env:"BODE_QUIET_HOURS"`
	Seal    sealConfig    `embed:"" prefix:"seal-"`
	Issuer  issuerConfig  `embed:"" prefix:"issuer-"`
	Bounce  bounceConfig  `embed:"" prefix:"bounce-"`
	Post    postConfig    `embed:"" prefix:"post-"`
	Credits creditsConfig `embed:"" prefix:"credits-"`
	About   aboutConfig   `embed:"" prefix:"about-"`
	Push    pushConfig    `embed:""`
	Trace   traceConfig   `embed:"" prefix:"trace-"`
	Poppler string        `help:"Directory of pdfinfo, pdftotext and pdftoppm below /usr or /opt, to show recipients the pages of PDF; empty: they can save them only." type:"path" env:"BODE_POPPLER"`

	Clients   clientsConfig   `embed:"" prefix:"clients-"`
	Login     loginConfig     `embed:"" prefix:"login-"`
	EID       eidConfig       `embed:"" prefix:"eid-"`
	Wallet    walletConfig    `embed:"" prefix:"wallet-"`
	Statement statementConfig `embed:"" prefix:"statement-"`
	FAS       providerConfig  `embed:"" prefix:"fas-" envprefix:"BODE_FAS_"`
	LuxTrust  providerConfig  `embed:"" prefix:"luxtrust-" envprefix:"BODE_LUXTRUST_"`
	Assurance string          `help:"JSON file with the policy of assurance levels; default our own." type:"path" env:"BODE_ASSURANCE"`
}

type mailsConfig struct {
	Listen string `help:"Address on which mail programs submit (SMTP, STARTTLS); empty: they cannot." env:"BODE_MAILS_LISTEN"`
	Cert   string `help:"PEM file of the certificate there." type:"path" env:"BODE_MAILS_CERT"`
	Key    string `help:"PEM file of its key." type:"path" env:"BODE_MAILS_KEY"`
	Suffix string `help:"Domain that recipients there may have behind their own; default r. and the host of --base-url." env:"BODE_MAILS_SUFFIX" placeholder:"r.bode.example"`
}

// tls is nil without a certificate, which is accepted on loopback only.
func (c mailsConfig) tls() (*tls.Config, error) {
	if c.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("--mails-cert: %w", err)
	}
	return answering(pair), nil
}

type contentConfig struct {
	Dir       string `help:"Directory of encrypted content; empty when it goes to S3." type:"path" env:"BODE_CONTENT_DIR"`
	Endpoint  string `help:"S3 host and port." env:"BODE_CONTENT_ENDPOINT"`
	Region    string `help:"S3 region." default:"us-east-1" env:"BODE_CONTENT_REGION"`
	Bucket    string `help:"S3 bucket." env:"BODE_CONTENT_BUCKET"`
	AccessKey string `help:"File with the S3 access key." type:"path" env:"BODE_CONTENT_ACCESS_KEY"`
	SecretKey string `help:"File with the S3 secret key." type:"path" env:"BODE_CONTENT_SECRET_KEY"`
	Plain     bool   `help:"Speak to S3 without TLS; loopback or a private network only." env:"BODE_CONTENT_PLAIN"`
}

type smtpConfig struct {
	Addr        string   `help:"Relay, host:port." env:"BODE_SMTP_ADDR"`
	Security    string   `help:"tls, starttls, or plain (loopback only)." enum:"tls,starttls,plain" default:"tls" env:"BODE_SMTP_SECURITY"`
	User        string   `help:"Sign-in name." env:"BODE_SMTP_USER"`
	Password    string   `help:"File with the sign-in password." type:"path" env:"BODE_SMTP_PASSWORD"`
	From        string   `help:"Address, and name, that mails come from." env:"BODE_SMTP_FROM" placeholder:"Bode <no-reply@bode.example>"`
	Return      string   `help:"Where reports go; default the address of --smtp-from." env:"BODE_SMTP_RETURN"`
	CA          string   `help:"PEM file of the roots that relays are verified with; empty: those of the system." type:"path" env:"BODE_SMTP_CA"`
	More        []string `help:"Further relays, by priority, asked when those before cannot be: smtps://USER@HOST:PORT?password=FILE, smtp:// for STARTTLS." env:"BODE_SMTP_MORE"`
	DKIM        []string `name:"dkim" help:"Keys that sign mails, SELECTOR=FILE, PEM: one RSA of 2048 bits and one Ed25519." env:"BODE_SMTP_DKIM"`
	Connections int      `help:"Connections to a relay at most." default:"8" env:"BODE_SMTP_CONNECTIONS"`
	PerDomain   int      `help:"Mails to one domain at once at most." default:"4" env:"BODE_SMTP_PER_DOMAIN"`
}

type sealConfig struct {
	Keys         string   `help:"Directory of the sealing keys, a JSON file for each, which says where in a device or service, or file, it is. Read again every minute and on SIGHUP." type:"path" env:"BODE_SEAL_KEYS"`
	Key          string   `help:"PEM file of the sealing key, in place of --seal-keys." type:"path" env:"BODE_SEAL_KEY"`
	Cert         string   `help:"PEM file of its certificate and intermediates." type:"path" env:"BODE_SEAL_CERT"`
	AllowFileKey bool     `help:"Allow a sealing key in a file. Never where evidence has to hold." env:"BODE_SEAL_ALLOW_FILE_KEY"`
	TSA          []string `help:"Addresses of time-stamp authorities, in order of preference." env:"BODE_SEAL_TSA"`
	Trust        string   `help:"Directory with ca.pem and tsa.pem, the anchors of seal and time-stamps, and log.pub, the keys of the log and its witnesses." type:"path" env:"BODE_SEAL_TRUST"`
	Each         []string `help:"Events whose evidence gets a time-stamp of its own; default: what sends, receives, refuses, expires or changes. The others share one of a batch." env:"BODE_SEAL_EACH"`
	LogKey       string   `help:"File of the key that signs the public log; made by bode log key." type:"path" env:"BODE_SEAL_LOG_KEY"`
	Witnesses    []string `help:"Witnesses of the public log, each as KEY=URL." env:"BODE_SEAL_WITNESSES"`
}

type issuerConfig struct {
	Name       string   `help:"Legal name of the provider." env:"BODE_ISSUER_NAME"`
	Scheme     string   `help:"Scheme of its identifier." default:"BE:KBO" env:"BODE_ISSUER_SCHEME"`
	Identifier string   `help:"Its identifier." env:"BODE_ISSUER_IDENTIFIER"`
	Country    string   `help:"ISO 3166-1 alpha-2." default:"BE" env:"BODE_ISSUER_COUNTRY"`
	Policy     []string `help:"OIDs of the evidence policy, dotted." env:"BODE_ISSUER_POLICY"`
	Qualified  bool     `help:"Say that the service is qualified. Needs the three settings below." env:"BODE_ISSUER_QUALIFIED"`
	TrustList  string   `help:"URI of the service's entry in the EU trusted list." env:"BODE_ISSUER_TRUST_LIST"`
	SealName   string   `help:"Subject of the qualified seal certificate." env:"BODE_ISSUER_SEAL_NAME"`
	StampName  string   `help:"Name of the qualified time-stamping service." env:"BODE_ISSUER_STAMP_NAME"`
}

type postConfig struct {
	Dir     string   `help:"Hot folder of the print and post partner; empty: no fallback to paper." type:"path" env:"BODE_POST_DIR"`
	Partner string   `help:"Name of the partner, as it goes into evidence." env:"BODE_POST_PARTNER"`
	Office  string   `help:"LibreOffice's soffice below /usr or /opt, to print office documents; empty: they are listed only." type:"path" env:"BODE_POST_OFFICE"`
	Slots   int      `help:"Office documents converted at once." name:"office-slots" default:"1" env:"BODE_POST_OFFICE_SLOTS"`
	Tariff  string   `help:"File of prices; empty: senders see none." type:"path" env:"BODE_POST_TARIFF"`
	Window  string   `help:"Address window." default:"be-right" env:"BODE_POST_WINDOW"`
	Return  []string `help:"Lines of the return address." env:"BODE_POST_RETURN"`
	partnerConfig
	printConfig
}

// production is how often a real service looks for what is due.
var production = pace{sweep: 10 * time.Second, post: time.Minute, retain: 10 * time.Minute, mend: time.Hour,
	batch: 5 * time.Second, complete: time.Hour, grace: 6 * time.Hour, renew: 24 * time.Hour, watch: time.Minute}

func (c config) issuer() evidence.Issuer {
	i := c.Issuer
	return evidence.Issuer{Name: i.Name, Identifier: evidence.Identifier{Scheme: i.Scheme, Value: i.Identifier}, Country: i.Country,
		PolicyOIDs: i.Policy, ServiceName: c.Service, VerifyURL: c.BaseURL + "/verify", Qualified: i.Qualified,
		TrustedListEntry: i.TrustList, QualifiedSeal: i.SealName, QualifiedTimeStamp: i.StampName}
}

// readSecret reads a secret from a file that only its owner can read; no path
// gives no secret.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read by others: chmod 600", path)
	}
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

// validate says everything that is missing, by setting.
func (c config) validate() error {
	var errs []error
	need := func(ok bool, setting, why string) {
		if !ok {
			errs = append(errs, fmt.Errorf("--%s: %s", setting, why))
		}
	}
	need(c.Database != "", "database", "where everything is kept")
	need(strings.HasPrefix(c.BaseURL, "https://") || strings.HasPrefix(c.BaseURL, "http://127.0.0.1"), "base-url",
		"links in mails begin with it; https, or loopback")
	need(!strings.HasSuffix(c.BaseURL, "/"), "base-url", "has a slash at the end")
	need(c.Secrets != "", "secrets", "keys of links, codes, digests and stored secrets")
	need(c.Keys != "", "keys", "key-encryption keys of the content")
	need((c.Content.Dir != "") != (c.Content.Bucket != ""), "content-dir", "either a directory or an S3 bucket")
	need(c.SMTP.Addr != "", "smtp-addr", "recipients are told by e-mail")
	if _, err := mail.ParseAddress(c.SMTP.From); err != nil {
		errs = append(errs, fmt.Errorf("--smtp-from: %w", err))
	}
	need(c.SMS.kind() != "", "sms-url", "recipients are told by SMS")
	c.SMS.validate("sms-", need)
	c.SMS2.validate("sms2-", need)
	c.Bounce.validate(need)
	c.validateMeans(need)
	need((c.Seal.Keys != "") != (c.Seal.Key != ""), "seal-keys", "evidence is sealed with them; either a directory, or one key by --seal-key")
	need((c.Seal.Key != "") == (c.Seal.Cert != ""), "seal-key", "a key in a file and its certificate, --seal-cert, belong together")
	need(!c.Issuer.Qualified || !c.Seal.AllowFileKey, "seal-allow-file-key", "the key of a qualified seal is in a device")
	need(len(c.Seal.TSA) > 0, "seal-tsa", "evidence is time-stamped; two independent authorities are wise")
	need(c.Seal.Trust != "", "seal-trust", "anchors to check our own evidence against")
	need(c.Seal.LogKey != "", "seal-log-key", "the public log is signed with it")
	for _, n := range c.Seal.Each {
		need(evidence.Name(n).Valid(), "seal-each", n+" is no event")
	}
	if err := c.issuer().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("--issuer-…: %w", err))
	}
	c.Post.validate(need)
	c.Credits.validate(need)
	c.About.validate(need)
	c.Trace.validate(need)
	c.validateClients(need)
	need(c.Drain >= 0 && c.Drain <= time.Minute, "drain", "between nothing and a minute")
	return errors.Join(errs...)
}

// secretsDir is where the service's own keys are.
func (c config) secretsDir() string { return filepath.Clean(c.Secrets) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
