// Package eidtest stands in for the Belgian identity card and what is behind it:
// a throw-away root with a "Citizen CA" and a "Foreigner CA", cards for people of
// one's choice, the Web eID extension, and the OCSP responder of the CAs, which
// can be told to misbehave. It shares no code with what it tests. For tests and
// demonstrations only: its keys are nobody's secret.
package eidtest
