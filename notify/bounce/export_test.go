package bounce

import "github.com/bode-erds/bode/notify"

// Reports is what a mail says of an attempt.
func Reports(raw []byte, notice string, attempt int) []notify.Report {
	return read(raw).reports(target{notice, attempt})
}

// Decode gives the addresses that a field may mean.
func Decode(field string) []string { return addresses(field) }
