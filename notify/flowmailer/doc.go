// Package flowmailer carries notices as text messages through Flowmailer's REST
// API, version 1.12.
//
// [Transport.Deliver] submits. Every message carries two tags: one of its notice
// and one of its attempt. From the second attempt on the provider is first asked
// for the notice's tag, so that a message whose answer was lost is found instead
// of sent twice.
//
// [Transport.Poll] reads the events of the account, from where it stopped, and
// reports what they say about attempts of ours. Pushed events are not used: what is
// polled cannot be forged, and misses nothing.
//
// The provider keeps what it is given for as long as its account says: a notice
// holds nothing of the content, and the flow has to be set to keep nothing.
package flowmailer
