package smtp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"

	gosmtp "github.com/emersion/go-smtp"
	"golang.org/x/net/idna"

	"github.com/bode-erds/bode/notify"
)

// Deliver sends m to its one recipient. The digest is of the octets between DATA
// and the final dot. When the connection breaks after that dot, before the
// reply, the result is Technical and InDoubt.
func (t *Transport) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	d := dialogue{t: t, m: m}
	refused := d.address()
	if errors.Is(refused, errAddress) {
		d.to = oneLine(m.Notice.To) // for the digest only
	}
	body, err := t.build(m, d.to)
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	switch {
	case errors.Is(refused, errAddress):
		return notify.Result{Outcome: notify.Permanent, Reply: unsaid(refused.Error())}, digest
	case refused != nil:
		return notify.Result{Outcome: notify.Technical, Reply: unsaid(refused.Error())}, digest
	case err != nil:
		return notify.Result{Outcome: notify.Technical, Reply: unsaid(err.Error())}, ""
	}
	d.body = body
	d.trace = record{StartedAt: t.cfg.Now().UTC(), Octets: len(body), MessageID: t.messageID(m.Notice), EnvelopeID: d.envelopeID(), Signatures: t.signatures()}
	d.remote = t.cfg.Addr
	reply, err := d.run(ctx)
	r := notify.Result{Outcome: notify.Sent, Reply: reply}
	if err != nil {
		if r = classify(d.stage, err); r.Reply == "" {
			r.Reply = because(ctx, err)
			d.trace.Error = brief(r.Reply, maxReply)
		}
		r.Unreached = d.unreached(r)
	}
	r.Reply = d.scrub(r.Reply)
	if r.Outcome == notify.Sent {
		r.ID = queueID(r.Reply)
	}
	r.Remote, r.TLS, r.DSN = d.remote, d.tls, d.dsn
	d.trace.EndedAt = t.cfg.Now().UTC()
	r.Trace = d.trace.json()
	return r, digest
}

// dialogue is one mail on its way; its fields are what there is to tell
// afterwards.
type dialogue struct {
	t      *Transport
	m      notify.Message
	body   []byte
	from   string
	to     string
	utf8   bool
	stage  stage
	remote string
	tls    string
	dsn    bool
	trace  record
}

// address writes both addresses of the envelope.
func (d *dialogue) address() (err error) {
	if d.to, d.utf8, err = envelopeAddress(d.m.Notice.To); err != nil {
		return err
	}
	d.from = d.t.cfg.ReturnPath
	if d.t.cfg.BounceDomain != "" {
		d.from, err = notify.ReturnPath(d.t.cfg.BounceDomain, d.t.cfg.BounceKey, d.m.Notice.ID, d.m.Attempt)
	}
	return err
}

func (d *dialogue) envelopeID() string { return d.m.Notice.ID + "-" + strconv.Itoa(d.m.Attempt) }

// run waits for room, takes a connection or opens one, and returns the final
// reply. A kept connection that turns out to be dead is replaced once, if the
// relay had not answered MAIL: nothing of the mail was handed over.
func (d *dialogue) run(ctx context.Context) (string, error) {
	domain := strings.ToLower(d.to[strings.LastIndexByte(d.to, '@')+1:])
	leave, err := d.t.enter(ctx, domain, d.m.Notice.Kind.Urgent())
	if err != nil {
		return "", err
	}
	defer leave()
	s := d.t.pool.take()
	kept := s != nil
	if !kept {
		if s, err = d.connect(ctx); err != nil {
			return "", err
		}
	}
	reply, err := d.send(ctx, s)
	if err != nil && kept && d.stage == stageConnect && ctx.Err() == nil && isGone(err) {
		d.hear("MAIL", orElse(s.ears.reply(), "(connection was closed; another one is opened)"))
		if s, err = d.connect(ctx); err != nil {
			return "", err
		}
		reply, err = d.send(ctx, s)
	}
	return reply, err
}

func (d *dialogue) connect(ctx context.Context) (*session, error) {
	s, err := d.t.open(ctx)
	d.takes(s)
	return s, err
}

// takes notes whose connection the mail is on.
func (d *dialogue) takes(s *session) {
	d.trace.Connection = s.about
	d.tls, d.remote = s.tls, d.t.cfg.Addr
	if s.about.Peer != "" && s.about.Peer != d.t.cfg.Addr {
		d.remote = d.t.cfg.Addr + " (" + s.about.Peer + ")"
	}
}

// send carries the mail over s, and keeps s or ends it.
func (d *dialogue) send(ctx context.Context, s *session) (string, error) {
	d.takes(s)
	s.mails++
	d.trace.Mail = s.mails
	s.client.SubmissionTimeout = d.t.submissionTimeout(ctx)
	done := s.wire.during(ctx)
	reply, err := d.transact(s)
	good := s.free(err, d.stage > stageConnect && d.stage < stageFinal)
	if !done() || !good { // done is false when ctx ended: the connection is closed or about to be
		if err == nil && ctx.Err() == nil {
			s.quit()
		} else {
			s.wire.Conn.Close()
		}
		return reply, err
	}
	d.t.pool.keep(s, d.t.cfg.Idle)
	return reply, err
}

// transact is the mail itself: MAIL, RCPT, DATA.
func (d *dialogue) transact(s *session) (string, error) {
	c := s.client
	d.stage = stageConnect
	d.dsn, _ = c.Extension("DSN")
	if d.utf8 {
		if ok, _ := c.Extension("SMTPUTF8"); !ok {
			return "", errAddress
		}
	}
	mail := &gosmtp.MailOptions{UTF8: d.utf8, Return: gosmtp.DSNReturnHeaders, EnvelopeID: d.envelopeID(), Size: int64(len(d.body))}
	err := c.Mail(d.from, mail)
	if err != nil && isGone(err) {
		return "", err // heard by whoever decides whether there is another connection
	}
	if d.hear("MAIL", s.ears.reply()); err != nil {
		return "", err
	}
	d.stage = stageRecipient
	err = c.Rcpt(d.to, d.t.rcptOptions(d.to, d.utf8))
	if d.hear("RCPT", s.ears.reply()); err != nil {
		return "", err
	}
	d.stage = stageContent
	data, err := c.Data()
	if d.hear("DATA", s.ears.reply()); err != nil {
		return "", err
	}
	if _, err := data.Write(d.body); err != nil {
		return "", err
	}
	d.stage = stageFinal
	final, err := data.CloseWithResponse()
	if d.hear("end", s.ears.reply()); err != nil {
		return "", err
	}
	return "250 " + final.StatusText, nil
}

// hear puts a reply into the trace.
func (d *dialogue) hear(stage, reply string) {
	if reply != "" && len(d.trace.Stages) < maxStages {
		ms := d.t.cfg.Now().Sub(d.trace.StartedAt).Milliseconds()
		d.trace.Stages = append(d.trace.Stages, heard{stage, brief(d.scrub(reply), maxReply), ms})
	}
}

// scrub hides what a relay repeats: content, and a return path of ours, with which
// anybody could report.
func (d *dialogue) scrub(reply string) string {
	if d.t.cfg.BounceDomain != "" {
		local, _, _ := strings.Cut(d.from, "@")
		if strings.Contains(strings.ToLower(reply), local) {
			reply = regexp.MustCompile("(?i)"+regexp.QuoteMeta(local)).ReplaceAllString(reply, "***")
		}
	}
	return scrub(reply, d.m.Subject+"\n"+d.m.Text)
}

// unreached: nothing was said about the recipient and nothing handed over.
// What only another mail would mend is no matter of the relay.
func (d *dialogue) unreached(r notify.Result) bool {
	return d.stage == stageConnect && (r.Outcome == notify.Temporary || r.Outcome == notify.Technical) && !r.InDoubt
}

// isGone reports whether the relay ended the connection, or it broke.
func isGone(err error) bool {
	var reply *gosmtp.SMTPError
	if errors.As(err, &reply) {
		return reply.Code == 421 // RFC 5321 §3.8
	}
	return !errors.Is(err, errAddress)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (t *Transport) rcptOptions(to string, utf8 bool) *gosmtp.RcptOptions {
	o := &gosmtp.RcptOptions{
		Notify:                []gosmtp.DSNNotify{gosmtp.DSNNotifyFailure, gosmtp.DSNNotifyDelayed},
		OriginalRecipientType: gosmtp.DSNAddressTypeRFC822,
		OriginalRecipient:     to,
	}
	if utf8 {
		o.OriginalRecipientType = gosmtp.DSNAddressTypeUTF8
	}
	if t.cfg.SuccessReports {
		o.Notify = append(o.Notify, gosmtp.DSNNotifySuccess)
	}
	return o
}

// envelopeAddress writes the domain in ASCII (RFC 5891) and says whether the
// local part still needs SMTPUTF8 (RFC 6531).
func envelopeAddress(addr string) (ascii string, utf8 bool, err error) {
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == 0xFFFD }) {
		return "", false, errAddress
	}
	local, domain := addr[:at], addr[at+1:]
	if domain, err = idna.Lookup.ToASCII(domain); err != nil || domain == "" {
		return "", false, errAddress
	}
	return local + "@" + domain, strings.ContainsFunc(local, func(r rune) bool { return r > 0x7e }), nil
}

// queueID finds the relay's own id in its final reply, which has no fixed form:
// what follows "queued as" or "id=". Empty when there is none.
func queueID(reply string) string {
	for _, mark := range []string{"queued as ", "id="} {
		if _, after, ok := strings.Cut(reply, mark); ok {
			if fields := strings.Fields(after); len(fields) > 0 {
				return strings.Trim(fields[0], "<>[](),;.")
			}
		}
	}
	return ""
}
