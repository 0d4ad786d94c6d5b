package delivery

// Sandbox is where test messages go instead of out.
type Sandbox struct {
	// Post makes letters and hands none over. nil: test letters go where live ones do.
	Post PostPartner
	// All: no test message leaves, whoever it is to. Otherwise only those to
	// [SimDomain] stay.
	All bool
}
