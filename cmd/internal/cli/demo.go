package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/control"
)

// demoTime bounds the whole demonstration.
const demoTime = 58 * time.Second

// demo is the demonstration: a throwaway directory with a root for lull and a
// vendor beside it, and a daemon like any other on that root.
type demo struct {
	s      *screen
	dir    string // everything
	root   string // lull's --root
	paths  config.Paths
	client *control.Client
	vendor *demoVendor
	edits  *edits
	shown  map[string]bool // facts already shown
	waited bool            // something had to wait
}

// demo runs the demonstration from end to end.
func (a *app) demo(ctx context.Context, keep bool) error {
	if a.format != formatText {
		return usage("the demo is a story to read; leave -o %s out", a.format)
	}
	if a.root != "" {
		return usage("the demo makes a root of its own; leave --root out")
	}
	ctx, cancel := context.WithTimeout(ctx, demoTime)
	defer cancel()
	d, err := a.newDemo()
	if err != nil {
		return err
	}
	defer func() {
		d.s.settle()
		d.close(keep)
	}()
	d.s.line("%s runs software updates in the lulls: the user is away, on AC power, the disk is quiet.", d.s.bold("lull"))
	d.s.line("What follows is real: this machine's facts, the shipped policies, real signatures, a real updater.")
	d.s.line("%s", d.s.faint("Everything stays below "+d.dir))
	err = d.play(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return hinted(fmt.Errorf("the demo did not end within %v", demoTime), "try again when the machine is less busy, and with --log-level debug")
	}
	return err
}

func (a *app) newDemo() (*demo, error) {
	dir, err := os.MkdirTemp("", "lull-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the demo: %w", err)
	}
	// Where lull is root, the updater runs as a user of its own and has to get in.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "root")
	paths := config.ResolvePaths(root)
	d := &demo{
		s: a.screen(a.out), dir: dir, root: root, paths: paths, client: control.NewClient(paths.Socket), shown: map[string]bool{},
		edits: &edits{dir: paths.Host("/etc/lull/policies")},
	}
	d.vendor = &demoVendor{dir: filepath.Join(dir, "vendor"), install: d.installDir()}
	for _, p := range []string{d.vendor.dir, d.installDir(), d.vendorDir(), filepath.Join(d.edits.dir, "requirements"), filepath.Join(d.edits.dir, "thresholds")} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// installDir is /opt/hello of the demo's root.
func (d *demo) installDir() string { return d.paths.Host("/opt/hello") }

func (d *demo) vendorDir() string { return d.paths.Host("/etc/lull/vendors.d") }

// play goes through the chapters.
func (d *demo) play(ctx context.Context) error {
	if err := d.showFacts(ctx); err != nil {
		return err
	}
	if err := d.makeVendor(ctx); err != nil {
		return err
	}
	stop, err := d.start(ctx)
	if err != nil {
		return err
	}
	for _, act := range []func(context.Context) error{d.register, d.update, d.reloadAnyway, d.checkInstalled, d.refusals} {
		if err := act(ctx); err != nil {
			return errors.Join(err, stop())
		}
	}
	if err := stop(); err != nil {
		return err
	}
	return d.summary(ctx)
}

// start runs the daemon on the demo's root, inside this process.
func (d *demo) start(ctx context.Context) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan struct{})
	r, err := runner.New(ctx, runner.Options{
		Paths: d.paths, Logger: slog.New(slog.DiscardHandler), Version: version().Version, Ready: func() { close(ready) },
	})
	if err != nil {
		cancel()
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		return nil, errors.Join(err, errors.New("the demo's daemon ended at once"))
	}
	return func() error { cancel(); return <-done }, nil
}

// close stops the vendor's server and removes the directory, unless it is to
// be kept for a look.
func (d *demo) close(keep bool) {
	d.vendor.close()
	if keep {
		d.s.line("")
		d.s.line("kept: %s", d.dir)
		d.s.line("  lull --root %s history", d.root)
		return
	}
	// The store makes its directories read-only.
	_ = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	os.RemoveAll(d.dir)
}

// chapter prints a heading.
func (d *demo) chapter(title string) {
	d.s.line("")
	d.s.line("%s", d.s.bold(title))
}

// item prints one line below a heading.
func (d *demo) item(format string, args ...any) { d.s.line("  "+format, args...) }
