// Package sms carries notices as text messages, through an HTTP gateway.
//
// # The gateway
//
// A provider is reached by a gateway of two calls, both with
// "Authorization: Bearer TOKEN" and JSON bodies:
//
//	POST BASE/messages   {"to":"+324…","from":"Bode","text":"…","tag":"…","kind":"code"}
//	GET  BASE/status?tag=…
//
// The tag is ours and makes a message unique: the same tag is never sent twice;
// POSTing it again answers with the message it already has. The kind lets a
// gateway send codes by a faster route. Answers:
//
//	200, 202  {"id":"…","status":"…"}     it has the message; status: accepted, sent, delivered or failed
//	404       {"code":"unknown_tag"}      to GET only: it never had the message
//	4xx       {"code":"…","message":"…"}  refused; see below
//	429, 5xx  {"code":"…","message":"…"}  not now
//
// The codes invalid_number, unknown_subscriber, not_mobile, blocked_number and
// opted_out say that the number will not work: Permanent. Every other refusal is
// about us: Technical. An answer that is neither leaves the message in doubt.
//
// From the second attempt on, Deliver first asks for the tag, so that a message
// whose answer was lost is found instead of sent twice.
package sms
