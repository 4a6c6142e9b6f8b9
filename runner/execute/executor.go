package execute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Options of New.
type Options struct {
	// RunDir keeps one directory per attempt: lock, begun marker, exit file,
	// control socket. Owned by the daemon. It should survive a reboot: in one
	// that does not, Adopt must take what is missing for work that may have run. Required.
	RunDir string
	// StateDir keeps uids.json, which updater has which user id; it must survive
	// a reboot. "" means RunDir.
	StateDir string
	// Unprivileged: the daemon serves one user under --root; no user id is changed
	// even when it happens to be root's.
	Unprivileged bool
	// Logger; nil means slog.Default().
	Logger *slog.Logger
}

// Executor starts programs and finds them again. Safe for concurrent use.
type Executor struct {
	opts   Options
	log    *slog.Logger
	users  users
	layers func() readiness
}

// New prepares RunDir. It starts nothing.
func New(o Options) (*Executor, error) {
	if o.RunDir == "" {
		return nil, errors.New("the executor needs a RunDir")
	}
	if o.StateDir == "" {
		o.StateDir = o.RunDir
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	for _, d := range []string{o.RunDir, o.StateDir} {
		if err := os.MkdirAll(d, 0o711); err != nil {
			return nil, fmt.Errorf("making the directory of attempts: %w", err)
		}
	}
	x := &Executor{opts: o, log: o.Logger}
	x.users.file = filepath.Join(o.StateDir, "uids.json")
	x.layers = sync.OnceValue(x.probe)
	return x, nil
}

func (x *Executor) dir(id string) string { return filepath.Join(x.opts.RunDir, id) }

// Layers reports what this machine can enforce, in order, and how well memory is
// bounded: "enforced", "weak" or "none". It is input.sandbox of a decision. The
// first call really puts a process under every layer and ends it unexecuted, some
// 20 ms; later ones remember.
func (x *Executor) Layers() (layers []string, memory string) {
	r := x.layers()
	return slices.Clone(r.Layers), r.Memory
}

// Missing says, for each layer that is not in force here, why not.
func (x *Executor) Missing() map[string]string { return x.layers().Missing }

// Start begins an attempt and returns once its program has been executed. An error
// means that nothing of the program has run. The last thing before the execution is
// to ask the verified program whether it is still valid. ctx bounds the start only.
func (x *Executor) Start(ctx context.Context, s Spec) (*Process, error) {
	if s.Program == nil {
		return nil, errors.New("the spec has no verified program; ask trust to check the package first")
	}
	if err := s.Program.Valid(); err != nil {
		return nil, err
	}
	return x.start(ctx, s, s.Program)
}

// start is Start for tests with programs of their own.
func (x *Executor) start(ctx context.Context, s Spec, prog program) (*Process, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	p, ready, err := x.prepare(ctx, s, prog)
	if err != nil {
		return nil, err
	}
	if err = lacking(s.Require, ready.Layers); err == nil {
		err = prog.Valid()
	}
	if err != nil {
		p.abandon()
	} else {
		err = p.begin()
	}
	if err != nil {
		x.waitForLock(p.dir)
		_ = os.RemoveAll(p.dir)
		return nil, err
	}
	x.log.Debug("started", "attempt", s.ID, "action", s.Action, "layers", ready.Layers, "missing", ready.Missing)
	return p, nil
}

// lacking refuses a start with less than what it was decided on.
func lacking(required, have []string) error {
	for _, l := range required {
		if !slices.Contains(have, l) {
			return fmt.Errorf("the sandbox layer %s is not in force, but the decision was taken with it; decide again", l)
		}
	}
	return nil
}

// Adopt tells, after a restart of the daemon, what became of an attempt. The Process
// is set when Running, the Result when Ended. It waits for a supervisor that is
// about to end, at most 15 s. An attempt of which nothing is found has never begun,
// or, where RunDir does not survive a boot, may have run.
func (x *Executor) Adopt(id string) (*Process, *Result, AdoptState, error) {
	if err := checkID(id); err != nil {
		return nil, nil, MayHaveRun, err
	}
	return x.adopt(id)
}

// Forget removes what is kept of an attempt; call it when the journal has its end.
func (x *Executor) Forget(id string) {
	if checkID(id) == nil {
		_ = os.RemoveAll(x.dir(id))
	}
}

// idle is a program for looking at layers; it is never executed.
type idle struct{ dir string }

func (i idle) Dir() string                           { return i.dir }
func (i idle) Argv(string) (path string, a []string) { return "/proc/self/exe", nil }
func (i idle) ArtifactDir() string                   { return "" }
func (i idle) Valid() error                          { return errors.New("a probe") }

// probe starts an attempt as far as confined, and no further.
func (x *Executor) probe() readiness {
	tmp, err := os.MkdirTemp(x.opts.RunDir, "probe-")
	if err != nil {
		return readiness{Memory: "none"}
	}
	defer os.RemoveAll(tmp)
	_ = os.Chmod(tmp, 0o711)
	s := Spec{ID: filepath.Base(tmp) + ".attempt", Action: "probe", Updater: probeUser, StateDir: filepath.Join(tmp, "state"), StageDir: filepath.Join(tmp, "stage")}
	p, ready, err := x.prepare(context.Background(), s.withDefaults(), idle{tmp})
	if err != nil {
		x.log.Warn("the sandbox could not be tried out", "err", err)
		return readiness{Memory: "none"}
	}
	p.abandon()
	x.waitForLock(p.dir)
	_ = os.RemoveAll(p.dir)
	return *ready
}

// probeUser has a user id of its own, as every updater has.
const probeUser = "lull probe"
