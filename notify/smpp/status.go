package smpp

import (
	"fmt"

	"github.com/bode-erds/bode/notify"
)

// status is command_status. SMPP 3.4 §5.1.3
type status uint32

const (
	statusOK          status = 0x00
	statusBadCommand  status = 0x03
	statusNotBound    status = 0x04
	statusBound       status = 0x05
	statusSystem      status = 0x08
	statusDestination status = 0x0B
	statusBindFailed  status = 0x0D
	statusPassword    status = 0x0E
	statusSystemID    status = 0x0F
	statusQueueFull   status = 0x14
	statusThrottled   status = 0x58
	statusLater       status = 0x64 // temporary error of the receiving application
)

func (s status) String() string {
	names := map[status]string{
		statusBadCommand: "ESME_RINVCMDID", statusNotBound: "ESME_RINVBNDSTS", statusBound: "ESME_RALYBND", statusSystem: "ESME_RSYSERR",
		statusDestination: "ESME_RINVDSTADR", statusBindFailed: "ESME_RBINDFAIL", statusPassword: "ESME_RINVPASWD",
		statusSystemID: "ESME_RINVSYSID", statusQueueFull: "ESME_RMSGQFUL", statusThrottled: "ESME_RTHROTTLED", statusLater: "ESME_RX_T_APPN",
	}
	if name, ok := names[s]; ok {
		return fmt.Sprintf("0x%08x %s", uint32(s), name)
	}
	return fmt.Sprintf("0x%08x", uint32(s))
}

// outcome classifies the answer to submit_sm. Only a fault of the destination is
// the number's: every other refusal is about us.
func (s status) outcome() notify.Outcome {
	switch s {
	case statusOK:
		return notify.Sent
	case statusDestination:
		return notify.Permanent
	case statusThrottled, statusQueueFull, statusSystem, statusLater:
		return notify.Temporary
	}
	return notify.Technical
}

// crowded reports whether the message centre asks for fewer messages at a time.
func (s status) crowded() bool { return s == statusThrottled || s == statusQueueFull }
