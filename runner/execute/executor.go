package execute

import (
	"context"
	"errors"
	"log/slog"
)

// Options of New.
type Options struct {
	// RunDir keeps one directory per attempt: lock, begun marker, exit file,
	// control socket. Owned by the daemon, mode 0700. It should survive a reboot:
	// see Adopt. Required.
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
	opts Options
	log  *slog.Logger
}

// New prepares RunDir. It starts nothing.
func New(o Options) (*Executor, error) {
	return nil, errors.New("being written")
}

// Layers reports what this machine can enforce, in order, and how well memory is
// bounded: "enforced", "weak" or "none". It is input.sandbox of a decision.
func (x *Executor) Layers() (layers []string, memory string) { return nil, "none" }

// Start begins an attempt and returns once its program has been executed.
// An error means that nothing of the program has run.
func (x *Executor) Start(ctx context.Context, s Spec) (*Process, error) {
	return nil, errors.New("being written")
}

// Adopt tells, after a restart of the daemon, what became of an attempt.
// The Process is set when Running, the Result when Ended.
func (x *Executor) Adopt(id string) (*Process, *Result, AdoptState, error) {
	return nil, nil, MayHaveRun, errors.New("being written")
}

// Forget removes what is kept of an attempt; call it when the journal has its end.
func (x *Executor) Forget(id string) {}

// MaybeStage must be the first line of main and of TestMain: when this process
// was started as a supervisor or as a stage it does that work and exits.
func MaybeStage() {}
