package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bode-erds/bode/delivery/vault/token"
)

// sayFiles looks at what lies on this machine's disks.
func (c config) sayFiles(r *findings, now time.Time) {
	r.say("secrets are their owner's alone", c.closed(), "chmod 600 FILE, chmod 700 DIRECTORY; who could read one may have: docs/runbooks/key-compromise.md")
	r.say("there is room on the disks", c.roomy(), "docs/runbooks/disk-full.md")
	r.say("certificates of our own hosts last 30 days", c.lasting(now), "renew the certificate, put it in the same place and restart")
}

// secretFiles are files, and directories of files, that hold a secret, by setting.
func (c config) secretFiles() map[string]string {
	files := map[string]string{
		"secrets": c.Secrets, "keys": c.Keys, "seal-keys": c.Seal.Keys, "seal-key": c.Seal.Key, "seal-log-key": c.Seal.LogKey,
		"mails-key": c.Mails.Key, "bounce-key": c.Bounce.Key, "clients-key": c.Clients.Key, "eid-card-key": c.EID.CardKey,
		"login-sign": c.Login.Sign, "wallet-key": c.Wallet.Key, "smtp-password": c.SMTP.Password, "sms-token": c.SMS.Token,
		"sms2-token": c.SMS2.Token, "content-access-key": c.Content.AccessKey, "content-secret-key": c.Content.SecretKey, "trace-token": c.Trace.Token,
	}
	if c.KeysToken != "" {
		if device, err := token.ReadConfig(c.KeysToken); err == nil { // what is wrong with it is said by opening it
			files["keys-token pin_file"] = device.PINFile
		}
	}
	for i, f := range c.Login.Decrypt {
		files[fmt.Sprintf("login-decrypt %d", i+1)] = f
	}
	for i, text := range c.SMTP.DKIM {
		_, file, _ := strings.Cut(text, "=")
		files[fmt.Sprintf("smtp-dkim %d", i+1)] = file
	}
	return files
}

// closed says which of them others can read.
func (c config) closed() error {
	var errs []error
	for setting, root := range c.secretFiles() {
		if root == "" {
			continue
		}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && path != root {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // made and removed beside us
			}
			if err != nil {
				return err
			}
			if open := info.Mode().Perm() & 0o077; open != 0 && !d.IsDir() && strings.HasSuffix(path, ".pub") {
				return nil
			} else if open != 0 {
				errs = append(errs, fmt.Errorf("--%s: %s can be reached by others (mode %04o)", setting, path, info.Mode().Perm()))
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // what is absent was said, or is made at first use
			errs = append(errs, fmt.Errorf("--%s: %w", setting, err))
		}
	}
	return errors.Join(errs...)
}

// Less than this is too little to wait for somebody in the morning.
const (
	leastRoom  = 1 << 30 // octets
	leastShare = 5       // percent, also of what counts files
)

// roomy says where the disk, or its table of files, is nearly full.
func (c config) roomy() error {
	var errs []error
	for setting, dir := range map[string]string{"content-dir": c.Content.Dir, "keys": c.Keys, "post-dir": c.Post.Dir, "temporary files": os.TempDir()} {
		if dir == "" {
			continue
		}
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("%s: %w", setting, err))
			}
			continue
		}
		free, size := s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)
		if free < leastRoom || size > 0 && free*100/size < leastShare {
			errs = append(errs, fmt.Errorf("%s: %s has %d MiB left", setting, dir, free>>20))
		}
		if s.Files > 0 && s.Ffree*100/s.Files < leastShare {
			errs = append(errs, fmt.Errorf("%s: %s can take %d more files", setting, dir, s.Ffree))
		}
	}
	return errors.Join(errs...)
}

// lasting says which certificate that our own listeners show ends soon.
func (c config) lasting(now time.Time) error {
	var errs []error
	for setting, file := range map[string]string{"mails-cert": c.Mails.Cert, "bounce-cert": c.Bounce.Cert, "clients-cert": c.Clients.Cert, "eid-card-cert": c.EID.CardCert, "wallet-cert": c.Wallet.Cert} {
		if file == "" {
			continue
		}
		chain, err := readCertificates(file)
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", setting, err))
			continue
		}
		errs = append(errs, endsSoon(setting, chain, now))
	}
	return errors.Join(errs...)
}

func endsSoon(setting string, chain []*x509.Certificate, now time.Time) error {
	for _, cert := range chain {
		if left := cert.NotAfter.Sub(now); left < 30*24*time.Hour {
			return fmt.Errorf("--%s: ends on %s", setting, cert.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
