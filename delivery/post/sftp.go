package post

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// SFTPConfig says where a partner's server is, and what its folder is called.
type SFTPConfig struct {
	Config                   // Dir is our own folder, on this machine
	Addr     string          // host:port of the server
	User     string          // our name there
	Folder   string          // the hot folder there; default: where signing in leads
	HostKeys []ssh.PublicKey // of the server; with any other it is not the partner's
	Auth     []ssh.AuthMethod
	Timeout  time.Duration // of signing in, and of each file; default 2 minutes
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
}

// NewSFTP makes a hot folder that lies on a partner's server. Nothing is dialled
// yet. What was handed over is remembered in cfg.Dir, on this machine.
func NewSFTP(cfg SFTPConfig) (*HotFolder, error) {
	switch {
	case cfg.Addr == "" || cfg.User == "":
		return nil, errors.New("post: configuration: server and user are needed")
	case len(cfg.HostKeys) == 0:
		return nil, errors.New("post: configuration: the host key of the server is needed")
	case len(cfg.Auth) == 0:
		return nil, errors.New("post: configuration: a key or a password is needed")
	}
	def(&cfg.Folder, ".")
	def(&cfg.Timeout, 2*time.Minute)
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	d, err := newDesk(cfg.Config)
	if err != nil {
		return nil, err
	}
	h := &HotFolder{desk: d, drop: &sftpDrop{cfg: cfg, turn: make(chan struct{}, 1)}}
	return h, h.makeFolders()
}

// ParseHostKeys reads public keys, one on a line, as in a server's
// ssh_host_….pub or in a known_hosts file.
func ParseHostKeys(b []byte) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for rest := b; len(rest) > 0; {
		key, _, _, next, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			break
		}
		keys, rest = append(keys, key), next
	}
	if len(keys) > 0 {
		return keys, nil
	}
	for rest := b; len(rest) > 0; {
		marker, _, key, _, next, err := ssh.ParseKnownHosts(rest)
		if err != nil {
			break
		}
		if marker == "" { // neither revoked nor an authority
			keys = append(keys, key)
		}
		rest = next
	}
	if len(keys) == 0 {
		return nil, errors.New("post: no host key in the file")
	}
	return keys, nil
}

// pinned takes the keys of the configuration and no other.
func pinned(keys []ssh.PublicKey) ssh.HostKeyCallback {
	return func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if slices.ContainsFunc(keys, func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) }) {
			return nil
		}
		return fmt.Errorf("%w: %s", ErrHostKey, ssh.FingerprintSHA256(key))
	}
}

// algorithms are those under which the pinned keys can be shown: a server has
// several keys, and shows the one that we ask for.
func algorithms(keys []ssh.PublicKey) []string {
	var all []string
	for _, k := range keys {
		if k.Type() == ssh.KeyAlgoRSA {
			all = append(all, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			all = append(all, k.Type())
		}
	}
	return all
}

// session is a connection to the server.
type session struct {
	*sftp.Client
	conn  *ssh.Client
	fsync bool
}

func (s *session) Close() error { return errors.Join(s.Client.Close(), s.conn.Close()) }

// connect signs in. Errors: ErrHostKey, ErrSignIn, what the network said.
func (d *sftpDrop) connect(ctx context.Context) (*session, error) {
	conn, err := d.cfg.Dial(ctx, "tcp", d.cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("post: %s: %w", d.cfg.Addr, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, d.cfg.Addr, &ssh.ClientConfig{
		User: d.cfg.User, Auth: d.cfg.Auth, HostKeyCallback: pinned(d.cfg.HostKeys), HostKeyAlgorithms: algorithms(d.cfg.HostKeys),
	})
	if err != nil {
		conn.Close()
		return nil, signInError(ctx, d.cfg.Addr, err)
	}
	client := ssh.NewClient(c, channels, requests)
	files, err := sftp.NewClient(client)
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("post: %s: no SFTP: %w", d.cfg.Addr, err)
	}
	_, fsync := files.HasExtension("fsync@openssh.com")
	return &session{files, client, fsync}, nil
}

// signInError tells apart what somebody has to mend.
func signInError(ctx context.Context, addr string, err error) error {
	var none *ssh.AlgorithmNegotiationError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("post: %s: %w", addr, ctx.Err())
	case errors.Is(err, ErrHostKey):
		return fmt.Errorf("%s: %w", addr, err)
	case errors.As(err, &none):
		return fmt.Errorf("%w: %s has none of its type: %w", ErrHostKey, addr, err)
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no other sign
		return fmt.Errorf("%w: %s: %w", ErrSignIn, addr, err)
	}
	return fmt.Errorf("post: %s: %w", addr, err)
}
