// Package client calls the API of a registered delivery service.
//
// [New] gives a [Client] with one method for each operation of the contract. It
// does what every integration needs and gets wrong once:
//
//   - each POST carries an Idempotency-Key, so that trying again never sends twice;
//   - 429, 503 and broken connections are tried again, after Retry-After;
//   - what is refused is an [*Error] with its code and every fault in the body;
//   - [Pages] and [Client.Feed] walk lists and the feed of events to their end;
//   - [Receiver] checks that a call to you came from the service.
//
// Everything in generated.go is made from the OpenAPI document; "make generate"
// makes it again. The package needs the standard library only.
package client
