package notify

import "time"

// values are the facts as this language writes them.
func (w words) values(k Kind, f Facts) (values, error) {
	v := values{
		Service: plain(f.ServiceName), Host: plain(f.ServiceHost), Sender: plain(f.SenderName), Recipient: plain(f.RecipientName),
		Number: plain(f.Number), Reference: plain(f.Reference), Link: f.Link, NoticeCode: plain(f.NoticeCode), Code: f.Code, Minutes: f.CodeMinutes,
		Tracking: plain(f.Tracking), Follow: bare(f.TrackingURL),
		Account: plain(f.Account), Who: plain(f.Who), Reason: plain(f.Reason),
	}
	if k.isCode() {
		v.Link, v.NoticeCode = "", ""
	} else {
		v.Code = ""
	}
	v.Name = v.Recipient
	switch k {
	case Receipt, ContactProposed:
		v.Name = v.Sender
	case DelegateNamed:
		v.Name = "" // RecipientName is who named
	}
	var err error
	say := func(to *string, s string, e error) {
		if *to = s; err == nil {
			err = e
		}
	}
	if v.Sender == "" {
		s, e := w.say("sender.unknown", v)
		say(&v.Sender, s, e)
	}
	if k == Receipt {
		s, e := w.say("status."+f.Outcome, v)
		say(&v.Status, s, e)
	}
	if f.What != "" {
		key := "what." + f.What
		if !w.has(key) {
			key = "what.other"
		}
		s, e := w.say(key, v)
		say(&v.What, s, e)
	}
	if e := w.dates(f, &v); err == nil {
		err = e
	}
	return v, err
}

// dates writes every date of the facts; a zero one stays empty.
func (w words) dates(f Facts, v *values) error {
	post := f.GoesByPostAt
	if post.IsZero() {
		post = f.Deadline
	}
	c := w.calendar
	for _, d := range []struct {
		to    *string
		write func(time.Time) (string, error)
		at    time.Time
	}{
		{&v.Submitted, c.Moment, f.SubmittedAt}, {&v.Decided, c.Moment, f.DecidedAt},
		{&v.Deadline, c.Until, f.Deadline}, {&v.DeadlineDay, c.UntilDay, f.Deadline}, {&v.DeadlineShort, c.UntilShort, f.Deadline},
		{&v.Until, c.Until, f.Until}, {&v.UntilDay, c.UntilDay, f.Until},
		{&v.PostDay, c.Day, post}, {&v.Expected, c.Day, f.ExpectedAt}, {&v.Kept, c.Day, f.KeptUntil},
	} {
		s, err := d.write(d.at)
		if err != nil {
			return err
		}
		*d.to = s
	}
	return nil
}

// content fills the outline.
func (w words) content(k Kind, f Facts, v values) (content, error) {
	var err error
	say := func(key string) string {
		s, e := w.say(key, v)
		if err == nil {
			err = e
		}
		return s
	}
	kind, o := string(k), outlineOf(k, f)
	c := content{Language: w.language, Service: v.Service, Line: say("brand.line"), Code: v.Code, Subject: say(kind + ".subject"), Headline: say(kind + ".headline")}
	c.Greeting = say("greeting.nobody")
	if v.Name != "" {
		c.Greeting = say("greeting.name")
	}
	c.Closing, c.Footer = say("closing.greeting"), say("footer."+footerOf(k))
	for _, key := range o.paragraphs {
		c.Paragraphs = append(c.Paragraphs, say(key))
	}
	c.Facts = append(w.facts(k, o.facts, f, v, say), w.dayFacts(k, f, say)...)
	if o.link && v.Link != "" {
		c.Button, c.ButtonFallback, c.Link = say(kind+".button"), say("button.fallback"), v.Link
	}
	for _, p := range o.parts {
		if p.check && v.NoticeCode == "" {
			continue
		}
		var x section
		if p.title != "" {
			x.Title = say(p.title)
		}
		for _, key := range p.steps {
			x.Steps = append(x.Steps, say(key))
		}
		for _, key := range p.paragraphs {
			x.Paragraphs = append(x.Paragraphs, say(key))
		}
		if p.check {
			x.CheckLabel, x.Check = say("genuine.check"), v.NoticeCode
		}
		c.Sections = append(c.Sections, x)
	}
	if f.Test {
		c.Note = say("test.note")
		v.Subject = c.Subject
		c.Subject = say("test.subject")
	}
	return c, err
}

// facts are those under keys that have a value. A kind may have a label of its
// own for one of them.
func (w words) facts(k Kind, keys []string, f Facts, v values, say func(key string) string) (out []fact) {
	value := map[string]string{"sender": v.Sender, "recipient": v.Recipient, "number": v.Number, "reference": v.Reference,
		"submitted": v.Submitted, "deadline": v.Deadline, "decided": v.Decided,
		"expected": v.Expected, "tracking": v.Tracking, "follow": v.Follow,
		"account": v.Account, "who": v.Who, "what": v.What, "reason": v.Reason, "until": v.Until}
	for _, key := range keys {
		if value[key] == "" {
			continue
		}
		label := "fact." + key
		if own := label + "_" + string(k); w.has(own) {
			label = own
		}
		x := fact{Label: say(label), Value: value[key], Strong: key == "deadline"}
		if key == "sender" && f.SenderProven {
			x.Note = say("sender.verified")
		}
		out = append(out, x)
	}
	return out
}
