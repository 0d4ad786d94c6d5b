package smpp

import (
	"fmt"
)

// Types and plans of numbers. SMPP 3.4 §5.2.5, §5.2.6
const (
	tonUnknown       = 0
	tonInternational = 1
	tonNetwork       = 3
	tonAlphanumeric  = 5
	npiUnknown       = 0
	npiISDN          = 1
)

// Bits of esm_class. SMPP 3.4 §5.2.12
const (
	classUDH         = 0x40
	classTypeMask    = 0x3C
	classReceipt     = 0x04
	receiptsAtTheEnd = 0x01 // registered_delivery: success or failure. SMPP 3.4 §5.2.17
)

// address is a number or name with its type and plan.
type address struct {
	ton, npi byte
	value    string
}

func (a address) append(b []byte) []byte { return cText(append(b, a.ton, a.npi), a.value) }

func (f *fields) address(what string) address {
	return address{f.octet(what), f.octet(what), f.text(what, longestAddress)}
}

// shortMessage is the body of submit_sm and of deliver_sm, which have the same
// fields. SMPP 3.4 §4.4.1, §4.6.1
type shortMessage struct {
	service      string
	from, to     address
	class        byte
	protocol     byte
	priority     byte
	validity     string
	registered   byte
	coding       byte
	text         []byte
	parameters   parameters
	isReceipt    bool
	deliverLater string
}

// octets writes the mandatory fields, which is all that we send.
func (m shortMessage) octets() []byte {
	b := cText(nil, m.service)
	b = m.to.append(m.from.append(b))
	b = append(b, m.class, m.protocol, m.priority)
	b = cText(cText(b, m.deliverLater), m.validity)
	b = append(b, m.registered, 0, m.coding, 0, byte(len(m.text)))
	return append(b, m.text...)
}

// readShortMessage reads a body. A text in message_payload takes the place of
// short_message. Errors: ErrMalformed.
func readShortMessage(body []byte) (shortMessage, error) {
	f := fields{rest: body}
	m := shortMessage{service: f.text("service_type", 6), from: f.address("source"), to: f.address("destination")}
	m.class, m.protocol, m.priority = f.octet("esm_class"), f.octet("protocol_id"), f.octet("priority_flag")
	m.deliverLater, m.validity = f.text("schedule_delivery_time", 17), f.text("validity_period", 17)
	m.registered = f.octet("registered_delivery")
	f.octet("replace_if_present_flag")
	m.coding = f.octet("data_coding")
	f.octet("sm_default_msg_id")
	m.text = f.octets("short_message", int(f.octet("sm_length")))
	m.parameters = f.parameters()
	if payload, ok := m.parameters[tagPayload]; ok && len(m.text) == 0 {
		m.text = payload
	}
	m.isReceipt = m.class&classTypeMask == classReceipt
	return m, f.err
}

// bindBody is that of bind_transceiver. SMPP 3.4 §4.1.5
func bindBody(system, password, kind string) []byte {
	b := cText(cText(cText(nil, system), password), kind)
	return cText(append(b, interfaceVersion, tonUnknown, npiUnknown), "")
}

// readMessageID is the body of submit_sm_resp. A message centre may leave it out
// when it refuses. SMPP 3.4 §4.4.2
func readMessageID(body []byte) (string, error) {
	f := fields{rest: body}
	id := f.text("message_id", longestMessageID)
	if f.err == nil && id == "" {
		return "", fmt.Errorf("%w: no message_id", ErrMalformed)
	}
	return id, f.err
}
