package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// errNoBrowser: nothing here takes pictures.
var errNoBrowser = errors.New("no Chromium or Chrome was found")

// Taking pictures is bounded: a play without them is whole.
const (
	pictureTabs = 3
	pictureTime = 5 * time.Minute // of all of them
)

// pictures takes one of each file in dir that has a screen to be looked at on,
// beside it, with one browser. It returns how many it took, also with an error.
func pictures(ctx context.Context, dir string, files []noticeFile) (int, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return 0, errNoBrowser
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTime)
	defer cancel()
	own, err := os.MkdirTemp("", "browser")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(own)
	// The browser only opens files that we wrote and that load nothing: its own
	// sandbox, which it has not everywhere, protects from nothing here.
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Env("TMPDIR="+own),
		chromedp.UserDataDir(filepath.Join(own, "profile")), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"))
	ctx, stop := chromedp.NewExecAllocator(ctx, opts...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	if err := chromedp.Do(ctx); err != nil { // starts the browser
		return 0, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	queue, taken := make(chan noticeFile), atomic.Int64{}
	faults := make([]error, pictureTabs)
	var tabs sync.WaitGroup
	for i := range pictureTabs {
		tabs.Go(func() {
			tab, stop := chromedp.NewContext(ctx)
			defer stop()
			for f := range queue {
				if faults[i] == nil {
					if faults[i] = picture(tab, filepath.Join(dir, f.name), f.width); faults[i] == nil {
						taken.Add(1)
					}
				}
			}
		})
	}
	for _, f := range files {
		if f.width > 0 {
			queue <- f
		}
	}
	close(queue)
	tabs.Wait()
	return int(taken.Load()), errors.Join(faults...)
}

// picture shows path.html as wide as given, and keeps all of it as path.png.
func picture(ctx context.Context, path string, width int64) error {
	abs, err := filepath.Abs(path + ".html")
	if err != nil {
		return err
	}
	at := url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 300), chromedp.Navigate(at.String())); err != nil {
		return fmt.Errorf("show %s: %w", filepath.Base(path), err)
	}
	height, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollHeight"))
	if err == nil {
		err = chromedp.Do(ctx, chromedp.EmulateViewport(width, height))
	}
	if err != nil {
		return fmt.Errorf("measure %s: %w", filepath.Base(path), err)
	}
	png, err := chromedp.Run(ctx, capture)
	if err != nil {
		return fmt.Errorf("picture of %s: %w", filepath.Base(path), err)
	}
	return os.WriteFile(path+".png", png, 0o644)
}

// capture is a picture of what is on the screen; it may be a little larger than
// it need be, but is there twice as soon.
func capture(ctx context.Context, t *chromedp.Target) ([]byte, error) {
	r, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{OptimizeForSpeed: new(true)})
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}
