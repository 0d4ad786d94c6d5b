package post

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"
)

// sftpDrop is a folder on a partner's server. One connection is kept and made
// anew when it broke; one call at a time uses it.
type sftpDrop struct {
	cfg  SFTPConfig
	turn chan struct{}
	live *session // who has the turn may use it
	made bool     // the folders were looked for
}

// remoteFolders are made at the first connection, where the server lets us.
var remoteFolders = []string{"tmp", "test", "status", "status/done", "status/bad", "withdrawn", "cancel"}

// path is the server's name for one of ours.
func (d *sftpDrop) path(name string) string { return path.Join(d.cfg.Folder, name) }

// with runs do on a connection, once more on a new one when the old one turns
// out to be broken: everything done here can be repeated. A call that outlasts
// ctx or SFTPConfig.Timeout is cut off, and what it did is not known.
func (d *sftpDrop) with(ctx context.Context, do func(*session) error) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	for first := d.live != nil; ; first = false {
		s, err := d.session(ctx)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { s.conn.Close() })
		err = do(s)
		stop()
		if !broken(err) && ctx.Err() == nil {
			return err
		}
		s.Close()
		d.live = nil
		if !first || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// session is the connection at hand, or a new one.
func (d *sftpDrop) session(ctx context.Context) (*session, error) {
	if d.live != nil {
		return d.live, nil
	}
	s, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	d.live = s
	if !d.made {
		for _, dir := range remoteFolders {
			if _, err := s.Stat(d.path(dir)); errors.Is(err, fs.ErrNotExist) {
				_ = s.Mkdir(d.path(dir)) // where this fails, what needs the folder says so
			}
		}
		d.made = true
	}
	return s, nil
}

// broken reports whether an error says that the connection is of no more use;
// an answer of the server's does not.
func broken(err error) bool {
	var answer *sftp.StatusError
	if errors.As(err, &answer) {
		return answer.FxCode() == sftp.ErrSSHFxConnectionLost || answer.FxCode() == sftp.ErrSSHFxNoConnection
	}
	for _, said := range []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, ErrConflict, errShort, errNoFile} {
		if errors.Is(err, said) {
			return false
		}
	}
	return err != nil
}

var (
	errShort  = errors.New("less arrived than was sent")
	errNoFile = errors.New("not a file")
)

func (d *sftpDrop) said(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("post: %s: %s %s: %w", d.cfg.Addr, what, name, err)
}

// put uploads under another name in tmp, makes the server write it down, looks at
// its size, and renames it. Plain renaming never replaces a file, unlike the
// variant of OpenSSH's.
func (d *sftpDrop) put(ctx context.Context, name string, b []byte) error {
	return d.with(ctx, func(s *session) error {
		part := d.path("tmp/." + path.Base(name) + ".part")
		err := d.agrees(s, name, b)
		if errors.Is(err, fs.ErrNotExist) {
			if err = d.upload(s, part, b); err == nil {
				err = s.Rename(part, d.path(name))
			}
			if err != nil && !broken(err) {
				if e := d.agrees(s, name, b); !errors.Is(e, fs.ErrNotExist) {
					err = e
				}
			}
		}
		if err == nil || !broken(err) {
			_ = s.Remove(part) // never truncated: it could be the finished file under its other name
		}
		return d.said("writing", name, err)
	})
}

// upload writes a new file and makes sure that all of it is there.
func (d *sftpDrop) upload(s *session, part string, b []byte) (err error) {
	if err := s.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && s.fsync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	info, err := s.Stat(part)
	if err == nil && info.Size() != int64(len(b)) {
		err = fmt.Errorf("%w: %d octets of %d", errShort, info.Size(), len(b))
	}
	return err
}

// agrees is as the function of that name.
func (d *sftpDrop) agrees(s *session, name string, b []byte) error {
	info, err := s.Lstat(d.path(name))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != int64(len(b)) {
		return fmt.Errorf("%w: %s has %d octets", ErrConflict, name, info.Size())
	}
	f, err := s.Open(d.path(name))
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := io.ReadAll(io.LimitReader(f, int64(len(b))+1))
	if err != nil {
		return err
	}
	if string(old) != string(b) {
		return fmt.Errorf("%w: %s", ErrConflict, name)
	}
	return nil
}

func (d *sftpDrop) open(ctx context.Context, name string) (r io.ReadCloser, err error) {
	err = d.with(ctx, func(s *session) error {
		info, err := s.Lstat(d.path(name))
		if err == nil && !info.Mode().IsRegular() {
			err = errNoFile
		}
		var f *sftp.File
		if err == nil {
			f, err = s.Open(d.path(name))
		}
		if err != nil {
			return d.said("reading", name, err)
		}
		ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
		stop := context.AfterFunc(ctx, func() { s.conn.Close() })
		r = &remoteFile{f, func() { stop(); cancel() }}
		return nil
	})
	return r, err
}

// remoteFile is an open file; its connection is cut when reading takes too long.
type remoteFile struct {
	*sftp.File
	release func()
}

func (r *remoteFile) Close() error {
	r.release()
	return r.File.Close()
}

func (d *sftpDrop) list(ctx context.Context, dir string) (all []entry, err error) {
	err = d.with(ctx, func(s *session) error {
		found, err := s.ReadDir(d.path(dir))
		all = nil
		for _, info := range found {
			all = append(all, entry{info.Name(), info.Size(), info.ModTime(), info.Mode().IsRegular()})
		}
		return d.said("listing", dir, err)
	})
	return all, err
}

func (d *sftpDrop) move(ctx context.Context, from, to string) error {
	return d.with(ctx, func(s *session) error {
		err := s.Rename(d.path(from), d.path(to))
		if err != nil && !broken(err) && !errors.Is(err, fs.ErrNotExist) {
			if _, e := s.Lstat(d.path(to)); e == nil { // the server says "failure", no more
				err = fs.ErrExist
			}
		}
		return d.said("moving to", to, err)
	})
}

func (d *sftpDrop) remove(ctx context.Context, name string) error {
	return d.with(ctx, func(s *session) error {
		err := s.Remove(d.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return d.said("removing", name, err)
	})
}
