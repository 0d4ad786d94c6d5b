package post

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed sandbox.sh
var sandboxScript string

//go:embed convert.xcu
var convertSettings []byte

// ConverterConfig says how office documents become pages.
type ConverterConfig struct {
	Path    string        // of LibreOffice's soffice, as it is named below /usr or /opt
	Slots   int           // conversions at once; default 1
	Timeout time.Duration // of one conversion; default 2 minutes
	Memory  int64         // octets of address space; default 3 GiB, of which some 250 MiB are used
}

// Converter turns office documents into PDF, in a sandbox: no network, no files
// but the document and what programs need to run, no macros, links not
// followed, bounded memory, time and output. Safe for concurrent use.
type Converter struct {
	cfg   ConverterConfig
	slots chan struct{}
}

// NewConverter checks that the sandbox can be had on this machine: it needs Linux,
// unshare and setpriv of util-linux, and user namespaces. Without them there is
// no conversion at all.
func NewConverter(ctx context.Context, cfg ConverterConfig) (*Converter, error) {
	def(&cfg.Slots, 1)
	def(&cfg.Timeout, 2*time.Minute)
	def(&cfg.Memory, 3<<30)
	if !filepath.IsAbs(cfg.Path) || cfg.Slots < 1 || cfg.Memory < 1<<30 {
		return nil, fmt.Errorf("post: converter: needs the whole path of soffice, a slot and 1 GiB")
	}
	c := &Converter{cfg: cfg, slots: make(chan struct{}, cfg.Slots)}
	dir, err := os.MkdirTemp("", "bode-office-")
	if err != nil {
		return nil, fmt.Errorf("post: converter: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Mkdir(filepath.Join(dir, "job"), 0o700); err != nil {
		return nil, fmt.Errorf("post: converter: %w", err)
	}
	if said, err := c.run(ctx, dir, "/usr/bin/test", "-x", cfg.Path); err != nil {
		return nil, fmt.Errorf("post: converter: no sandbox, or no %s in it: %w: %s", cfg.Path, err, said)
	}
	return c, nil
}

// run runs a command in the sandbox and gives the first of what it said.
func (c *Converter) run(ctx context.Context, dir string, command ...string) (string, error) {
	return sandboxed(ctx, c.cfg.Memory, dir, command...)
}

// sandboxed runs a command that sees nothing but programs, typefaces and the
// directory job of dir, and gives the first of what it said.
func sandboxed(ctx context.Context, memory int64, dir string, command ...string) (string, error) {
	args := append([]string{"--map-root-user", "--net", "--mount", "--ipc", "--uts", "--pid", "--fork", "--kill-child",
		"/bin/sh", "-c", sandboxScript, "sandbox", dir}, command...)
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "BODE_MEMORY_KB=" + strconv.FormatInt(memory>>10, 10)}
	said := &head{left: 400}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	return said.String(), err
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	left int
}

func (h *head) Write(b []byte) (int, error) {
	n := min(len(b), h.left)
	h.left -= n
	h.Buffer.Write(b[:n])
	return len(b), nil
}

// convert makes a PDF of the document at path. A conversion that took too long
// is begun once more, because a busy machine must not cost a page. It is a
// refusal when the document cannot be converted; another error is ours.
func (c *Converter) convert(ctx context.Context, k officeKind, path, out string) error {
	if err := k.check(path); err != nil {
		return err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := c.once(ctx, k, path, out)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = c.once(ctx, k, path, out)
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return refuse(Conversion, "not done in %v", c.cfg.Timeout)
	}
	return err
}

func (c *Converter) once(ctx context.Context, k officeKind, path, out string) error {
	dir, err := os.MkdirTemp(filepath.Dir(out), "office-")
	if err != nil {
		return fmt.Errorf("post: converter: %w", err)
	}
	defer os.RemoveAll(dir)
	job := filepath.Join(dir, "job")
	profile := filepath.Join(job, "profile", "user")
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return fmt.Errorf("post: converter: %w", err)
	}
	if err := os.WriteFile(filepath.Join(profile, "registrymodifications.xcu"), convertSettings, 0o600); err != nil {
		return fmt.Errorf("post: converter: %w", err)
	}
	if err := copyFile(path, filepath.Join(job, "in."+k.ext)); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	_, err = c.run(limited, dir, c.cfg.Path, "-env:UserInstallation=file:///job/profile", "--headless", "--norestore", "--nolockcheck",
		"--nodefault", "--nofirststartwizard", "--infilter="+k.filter, "--convert-to", "pdf:writer_pdf_Export", "--outdir", "/job/out", "/job/in."+k.ext)
	if limited.Err() != nil {
		return limited.Err()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return fmt.Errorf("post: converter: %w", err)
	}
	// It ends well without having done anything; only a file counts. A link is
	// none: what ran there may want us to read elsewhere.
	made := filepath.Join(job, "out", "in.pdf")
	if s, serr := os.Lstat(made); serr != nil || !s.Mode().IsRegular() || s.Size() == 0 {
		return refuse(Conversion, "no output: %v", err)
	}
	if err := os.Rename(made, out); err != nil {
		return fmt.Errorf("post: converter: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	defer in.Close()
	return writeFile(to, func(w io.Writer) error { _, err := io.Copy(w, in); return err })
}
