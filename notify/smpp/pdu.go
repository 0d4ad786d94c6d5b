package smpp

import (
	"encoding/binary"
	"fmt"
	"io"
)

// command says what a PDU is. SMPP 3.4 §5.1.2.1
type command uint32

const (
	genericNack     command = 0x80000000
	bindReceiver    command = 0x00000001
	bindTransmitter command = 0x00000002
	submitSM        command = 0x00000004
	deliverSM       command = 0x00000005
	unbind          command = 0x00000006
	bindTransceiver command = 0x00000009
	enquireLink     command = 0x00000015
	alertNotice     command = 0x00000102

	// response is set in the command of an answer.
	response command = 0x80000000
)

const (
	headerSize = 16
	// largestPDU bounds what is read at once: a receipt has a few hundred octets.
	largestPDU = 16 << 10
)

// pdu is one unit of the protocol; body is what follows the header.
// SMPP 3.4 §3.2
type pdu struct {
	command  command
	status   status
	sequence uint32
	body     []byte
}

// octets writes the PDU.
func (p pdu) octets() []byte {
	b := make([]byte, 0, headerSize+len(p.body))
	b = binary.BigEndian.AppendUint32(b, uint32(headerSize+len(p.body)))
	b = binary.BigEndian.AppendUint32(b, uint32(p.command))
	b = binary.BigEndian.AppendUint32(b, uint32(p.status))
	b = binary.BigEndian.AppendUint32(b, p.sequence)
	return append(b, p.body...)
}

// readPDU reads one. Errors: ErrSize, or the reader's; io.EOF only between two.
func readPDU(r io.Reader) (pdu, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return pdu{}, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < headerSize || size > largestPDU {
		return pdu{}, fmt.Errorf("%w: %d octets", ErrSize, size)
	}
	p := pdu{
		command:  command(binary.BigEndian.Uint32(head[4:])),
		status:   status(binary.BigEndian.Uint32(head[8:])),
		sequence: binary.BigEndian.Uint32(head[12:]),
		body:     make([]byte, size-headerSize),
	}
	if _, err := io.ReadFull(r, p.body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return pdu{}, err
	}
	return p, nil
}
