// Package webhook pushes events over HTTPS to addresses that strangers chose.
//
// A push is signed as Standard Webhooks says, with every key that counts at the
// moment, symmetric and asymmetric. The address is not trusted: its name is
// looked up once, all that it stands for must be on the public Internet, and
// exactly that is dialled, so that neither a name nor a redirect can lead into a
// network of ours. Nothing of the environment (proxies) changes that.
//
// Sources: Standard Webhooks 1.0.0; RFC 6890 and its registries (special-purpose
// addresses); RFC 6052 (addresses that embed IPv4).
package webhook
