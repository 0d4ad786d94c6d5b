// Package notifytest is the other side of notify's channels on one machine: a
// real SMTP server, an SMS gateway and a page that shows what arrived. Tests use
// it, and so does the demonstration.
//
// Some addresses fail, so that everything that can go wrong can be seen. For
// mail the local part decides, for SMS the last four digits:
//
//	bounce…   0000   refused for good (550 5.1.1; invalid_number)
//	later…    0003   refused once for now (451 4.7.1; 503); laterN… N times, N one digit
//	policy…   0004   refused for a reason that is not the address (550 5.7.1; 401)
//	full…            the mailbox is full (552 5.2.2)
//	lost…     0001   said yes, but lost it
//	mute…     0002   kept it, but said nothing: the connection closes; only the first time
//
// Anything else arrives. The same SMS tag twice is the same SMS.
package notifytest
