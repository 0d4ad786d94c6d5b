// Package smpp carries notices as text messages over SMPP 3.4: one connection to
// a provider's message centre, bound as transceiver, for as long as the process
// runs.
//
// [Transport.Run] keeps the connection: it binds, asks whether the other side is
// still there, binds again with growing pauses when it was lost, and unbinds when
// it ends. [Transport.Deliver] submits on whatever connection there is, with at
// most Window answers outstanding. An answer that never comes leaves the message
// in doubt.
//
// Delivery receipts come on the same connection. Each is given to a [Receiver]
// before it is acknowledged, so that one that could not be stored comes again.
// In Belgium receipts are the network's word, not the handset's: the highest that
// one proves is [notify.RungFarSide].
//
// The connection is TLS, or in clear to a loopback address.
//
// Sources: SMPP Protocol Specification v3.4, 3GPP TS 23.040 (concatenation),
// 3GPP TS 23.038 (alphabet).
package smpp
