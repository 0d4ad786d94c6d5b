package portal_test

// lists sees the pages that look over many deliveries.
func (s *screen) lists() {
	s.r.t.Helper()
	s.open("overview-none", "/portal?test=1")
	s.open("messages", "/portal/messages")
	s.open("messages-none", "/portal/messages?test=1")
	s.open("messages-recipients", "/portal/messages?status=waiting")
	s.open("messages-nothing", "/portal/messages?reference=x&status=refused")
	s.open("notifications", "/portal/notifications")
	s.open("messages-fault", "/portal/messages?from=soon&status=x")
}
