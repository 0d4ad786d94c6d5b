package seal

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"time"
)

// RemoteConfig says where a key is behind the API of the Cloud Signature
// Consortium, version 2. The service must let us sign unattended: client
// credentials for access, and no person to authorize a signature.
type RemoteConfig struct {
	// URL is the base of the API, such as https://rssp.example/csc/v2. Without
	// TLS only on loopback.
	URL string `json:"url"`
	// TokenURL is the OAuth 2.0 token endpoint. Default URL + /oauth2/token.
	TokenURL string `json:"token_url,omitempty"`
	// ClientID is who we are there; SecretFile holds the secret in one line.
	ClientID   string `json:"client_id"`
	SecretFile string `json:"secret_file"`
	// Scope asked for. Default "service".
	Scope string `json:"scope,omitempty"`
	// CredentialID names key and certificate.
	CredentialID string `json:"credential_id"`
	// AuthFiles holds, for each authentication object that the credential asks
	// for (such as "PIN"), the file with its value in one line.
	AuthFiles map[string]string `json:"auth_files,omitempty"`
	// RootsFile holds, as PEM, the roots of the service's TLS certificate.
	// Default: those of the system.
	RootsFile string `json:"roots_file,omitempty"`
	// Wait is how long a digest waits for others to share a call with: at most
	// 1s. Default 20ms.
	Wait Duration `json:"wait,omitempty"`
	// MaxBatch is how many digests share a call, at most as many as the
	// credential allows. Default 50.
	MaxBatch int `json:"max_batch,omitempty"`
	// MaxCalls is how many batches are under way at a time. Default 4.
	MaxCalls int `json:"max_calls,omitempty"`
	// Timeout bounds one request. Sign ends after Wait and three times Timeout.
	// Default 10s.
	Timeout Duration `json:"timeout,omitempty"`
}

func (c *RemoteConfig) validate() error {
	if c.TokenURL == "" {
		c.TokenURL = c.URL + "/oauth2/token"
	}
	if c.Scope == "" {
		c.Scope = "service"
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 50
	}
	if c.MaxCalls == 0 {
		c.MaxCalls = 4
	}
	c.Wait = Duration(c.Wait.or(20 * time.Millisecond))
	c.Timeout = Duration(c.Timeout.or(10 * time.Second))
	for _, u := range []string{c.URL, c.TokenURL} {
		if !safeURL(u) {
			return fmt.Errorf("%w: %q is no https address", ErrConfig, u)
		}
	}
	switch {
	case c.ClientID == "" || c.CredentialID == "":
		return fmt.Errorf("%w: client id and credential id are needed", ErrConfig)
	case c.Wait < 0 || c.Wait > Duration(time.Second) || c.Timeout < 0 || c.MaxBatch < 0 || c.MaxCalls < 0:
		return fmt.Errorf("%w: wait, timeout, batch or calls out of range", ErrConfig)
	}
	return nil
}

// safeURL says whether secrets may go to an address: TLS, or this machine.
func safeURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback()
}

// remoteKey is a key behind the CSC API. Digests that come close together share
// one authorization and one call.
type remoteKey struct {
	api   *cscClient
	certs []*x509.Certificate
	algos []string // of the key, as the service lists them
	batch *batcher
}

func openRemote(cfg Config) (Key, error) {
	remote := *cfg.Remote // the defaults are ours
	if err := remote.validate(); err != nil {
		return nil, err
	}
	var pinned []*x509.Certificate
	var err error
	if cfg.CertFile != "" {
		if pinned, err = readCertificates(cfg.CertFile); err != nil {
			return nil, err
		}
	}
	api, err := newCSCClient(remote, cfg.Now, cfg.Log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Duration(remote.Timeout))
	defer cancel()
	info, err := api.info(ctx)
	if err != nil {
		return nil, err
	}
	certs, err := info.check(pinned)
	if err != nil {
		return nil, err
	}
	if err := checkKey(certs[0].PublicKey, cfg.Now()); err != nil {
		return nil, err
	}
	k := &remoteKey{api: api, certs: certs, algos: info.Key.Algo}
	k.batch = newBatcher(batcherConfig{
		Wait: time.Duration(remote.Wait), Max: min(remote.MaxBatch, max(info.Multisign, 1)), Calls: remote.MaxCalls,
		Deadline: 3 * time.Duration(remote.Timeout), Sign: k.signAll,
	})
	if err := probe(ctx, k.Public(), k.batch.sign); err != nil {
		k.batch.close()
		return nil, err
	}
	return k, nil
}

// Public implements [crypto.Signer].
func (k *remoteKey) Public() crypto.PublicKey { return k.certs[0].PublicKey }

// Certificates implements [evidence.SealKey].
func (k *remoteKey) Certificates() []*x509.Certificate { return slices.Clone(k.certs) }

// Sign implements [crypto.Signer]. What it returns was verified. Errors:
// [ErrConfig], [ErrRefused], [ErrUnavailable], [ErrSignature], [ErrClosed].
func (k *remoteKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	h, err := checkDigest(digest, opts)
	if err != nil {
		return nil, err
	}
	return k.batch.sign(context.Background(), digest, h)
}

// Health implements [Key]. It asks for the state of key and certificate and
// signs nothing, because signatures are paid for.
func (k *remoteKey) Health(ctx context.Context) error {
	info, err := k.api.info(ctx)
	if err != nil {
		return err
	}
	_, err = info.check(k.certs)
	return err
}

// Close implements [Key].
func (k *remoteKey) Close() error {
	k.batch.close()
	k.api.http.CloseIdleConnections()
	return nil
}

// signAll has a batch signed. Only what verifies gets a signature; the others get
// an error each.
func (k *remoteKey) signAll(ctx context.Context, h crypto.Hash, all []*parked) error {
	algo, err := signAlgo(k.Public(), h, k.algos)
	if err != nil {
		return err
	}
	digests := make([][]byte, len(all))
	for i, p := range all {
		digests[i] = p.digest
	}
	sigs, err := k.api.sign(ctx, h, algo, digests)
	if err != nil {
		return err
	}
	for i, p := range all {
		if i >= len(sigs) {
			p.err = fmt.Errorf("%w: %d signatures for %d digests", ErrSignature, len(sigs), len(all))
			continue
		}
		p.sig = asDER(k.Public(), h, p.digest, sigs[i])
		p.err = verify(k.Public(), h, p.digest, p.sig)
	}
	return nil
}
