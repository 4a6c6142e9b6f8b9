package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/execute"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/runner/watch"
	"github.com/lullhq/lull/trust"
)

// Options configures a Runner.
type Options struct {
	Paths   config.Paths        // required: where everything is
	Config  config.Config       // to begin with; the zero value is the shipped default. Edits of Paths.ConfigFiles come into force while it runs
	Changed func(config.Config) // called by the loop with each configuration that comes into force later; may be nil
	Logger  *slog.Logger        // nil: discard
	Now     func() time.Time    // nil: time.Now
	Version string              // shown in status
	Roots   []trust.Refresher   // what keeps trusted roots current; nil: the public-good instance. Dir and Cache are set
	Ready   func()              // called once the control socket answers
	Machine string              // for tests: root of the machine whose facts count. "": this one's, as updaters run on no other
	Rest    func(bool)          // true: nothing will happen for a while; false: work goes on. Called by the loop, may take a moment; may be nil
}

// Runner is the daemon. Its methods other than Run are for the control
// server; they are safe for concurrent use while Run is running.
type Runner struct {
	opt   Options
	paths config.Paths
	cfg   atomic.Pointer[config.Config]
	log   *slog.Logger
	now   func() time.Time
	since time.Time
	boot  string // identity of this boot of the machine

	lock     *config.Lock
	journal  *journal.Journal
	engine   *engine.Engine
	trust    *trust.Trust
	facts    *facts.Gatherer
	history  *facts.Recorder // nil where it cannot be written; owned by the loop
	recorded string          // the volume whose facts are recorded
	exec     *execute.Executor
	sandbox  map[string]any

	inbox   chan func() // what the loop is to do next
	stopped chan struct{}
	work    sync.WaitGroup // goroutines that the loop started

	assembled func(map[string]any) // sees each input document; for tests

	// Owned by the loop.
	state    *state
	packages map[string]*trust.Package // by updater id
	roots    roots
	busy     map[string]string // updater id → what lull itself is doing for it
	waiting  map[subject]*waiting
	volumes  map[string]*volume // re-checkers of what waits, by the directory written to
	worked   control.Work
	broken   map[string]string // registered updaters that the store cannot give back, and why
	dropins  map[string]string // drop-in id → fingerprint last taken or refused
	syncing  bool              // the drop-in directories are being read
	resync   bool              // and have changed since
	rejected control.Config    // what is wrong with an edit of the configuration
	dirs     []*watch.Watcher  // compared again now and then, see lookAgain
	looked   time.Time         // when that was
	events   map[chan journal.Record]bool
	settled  []func() // to run at the end of the present turn

	// Shared with the reflex and the watchers.
	active   *actives
	awake    awake
	demanded atomic.Pointer[demanded]
	mu       sync.Mutex
	rewatch  context.CancelFunc // makes the fact watch start again with a new demand
}

// waiting is what is known of a candidate that may not run now.
type waiting struct {
	candidate
	decision engine.Decision
	own      own
	refusal  *refusedBody // trust's, when that is why
	check    time.Time    // next instant at which time alone can change it; zero: none
	at       time.Time
	again    map[string]time.Time // condition → when a look found it unmet again, after others had found it met
}

// New opens every room under o.Paths: it takes the daemon's lock, replays the
// journal, loads vendors and policies and finds out what became of actions
// that were under way when the last daemon ended. It starts nothing.
func New(ctx context.Context, o Options) (r *Runner, err error) {
	r = &Runner{
		opt: o, paths: o.Paths, log: o.Logger, now: o.Now,
		inbox: make(chan func(), 64), stopped: make(chan struct{}),
		state: newState(), packages: map[string]*trust.Package{}, busy: map[string]string{},
		waiting: map[subject]*waiting{}, volumes: map[string]*volume{}, broken: map[string]string{}, dropins: map[string]string{},
		events: map[chan journal.Record]bool{}, active: newActives(), boot: journal.BootID(),
	}
	r.cfg.Store(&o.Config)
	r.packages[rootsID], r.roots = rootsPackage, r.rootsOf(slices.Clone(o.Roots))
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.since = r.now()
	r.looked = r.since
	opened := r
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if err := config.Prepare(r.paths); err != nil {
		return nil, err
	}
	if r.lock, err = config.Acquire(r.paths); err != nil {
		return nil, err
	}
	if err := r.openJournal(); err != nil {
		return nil, err
	}
	if err := r.openRooms(ctx); err != nil {
		return nil, err
	}
	return r, r.recover(ctx)
}

func (r *Runner) openJournal() (err error) {
	r.journal, err = journal.Open(journal.Options{Dir: r.paths.State, Now: r.now, Boot: r.boot, Logger: r.log,
		// Under systemd standard error is the system log: there the checkpoint is out of the journal's own reach.
		Syslog: func(note string) { r.log.Info("journal checkpoint", "note", note) }})
	if err != nil {
		return err
	}
	for rec, err := range r.journal.Records(0) {
		if err != nil {
			return err
		}
		if err := r.state.apply(rec); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) openRooms(ctx context.Context) (err error) {
	unprivileged := os.Geteuid() != 0
	r.trust, err = trust.Open(trust.Options{
		VendorDirs: r.paths.VendorDirs, RootDirs: r.paths.RootDirs, StateDir: r.paths.State, BaseDir: r.paths.Base(),
		Unprivileged: unprivileged, Now: r.now, NotBefore: r.notBefore, Logger: r.log,
	})
	if err != nil {
		return fmt.Errorf("open trust: %w", err)
	}
	r.loadVendors()
	if r.engine, err = OpenEngine(ctx, r.paths, r.log); err != nil {
		return err
	}
	r.notePolicy(nil)
	if err := r.openFacts(); err != nil {
		return err
	}
	r.exec, err = execute.New(execute.Options{RunDir: filepath.Join(r.paths.State, "actions"), StateDir: r.paths.State, Logger: r.log, Unprivileged: unprivileged})
	if err != nil {
		return fmt.Errorf("open execute: %w", err)
	}
	layers, memory := r.exec.Layers()
	r.sandbox = map[string]any{"layers": layers, "memory": memory}
	return nil
}

// decisionDeadline bounds one decision by the wall clock. A decision takes a
// fraction of a millisecond of processor time; on an old machine under load,
// which is the one that matters, the wall clock says many times that.
const decisionDeadline = 500 * time.Millisecond

// OpenEngine returns an engine over the embedded default policies and the
// administrator's directories of paths. It is what the daemon decides with,
// and what the command line uses without a daemon.
func OpenEngine(ctx context.Context, paths config.Paths, log *slog.Logger) (*engine.Engine, error) {
	return engine.New(ctx, engine.Options{
		Layers:  func() []engine.Layer { return policyLayers(paths.PolicyDirs) },
		Schemas: func() []byte { return CheckSchemaOf(paths) }, StateDir: paths.State, Logger: log, Deadline: decisionDeadline,
	})
}

// LastGoodPolicies are the policies that the daemon of these paths decides with
// while the files are broken; nil without an error where it keeps none.
func LastGoodPolicies(ctx context.Context, paths config.Paths) (*engine.Generation, error) {
	return engine.LastGood(ctx, paths.State, CheckSchemaOf(paths))
}

// OfflineEngine is OpenEngine for a command that must leave no trace: nothing
// is read from or written to the state directory. Only the embedded defaults,
// these directories and what is laid over them count, and of paths the types of
// the administrator's own facts. What is to be done meanwhile may be nil.
func OfflineEngine(ctx context.Context, paths config.Paths, dirs []string, meanwhile func(), over ...engine.Layer) (*engine.Engine, error) {
	return engine.New(ctx, engine.Options{
		Layers:  func() []engine.Layer { return append(policyLayers(dirs), over...) },
		Schemas: func() []byte { return CheckSchemaOf(paths) }, Meanwhile: meanwhile, Deadline: offlineDeadline,
	})
}

// offlineDeadline is of one decision that nothing waits for: on a busy machine
// the daemon's would make two equal sets of policies look different.
const offlineDeadline = 5 * time.Second

func policyLayers(dirs []string) []engine.Layer {
	layers := []engine.Layer{{Name: "embedded", FS: policies.FS}}
	for _, dir := range dirs {
		layers = append(layers, engine.Layer{Name: dir, FS: os.DirFS(dir)})
	}
	return layers
}

// PolicyLayers returns the layers in force for paths: the embedded defaults,
// then each directory, lowest first.
func PolicyLayers(paths config.Paths) []engine.Layer { return policyLayers(paths.PolicyDirs) }

// notBefore is the earliest instant the clock can truly show: a machine whose
// clock lost its battery must not make expired trust look fresh.
func (r *Runner) notBefore() time.Time {
	if r.journal == nil {
		return time.Time{}
	}
	return r.journal.Last().Time
}

// clockTrusted reports whether the clock is not earlier than what lull has
// already seen.
func (r *Runner) clockTrusted() bool { return !r.now().Before(r.notBefore()) }

// Run serves until ctx ends, then stops gently: running actions that may be
// repeated are ended, others are left to their supervisors, and the next
// daemon adopts them.
func (r *Runner) Run(ctx context.Context) error {
	defer r.close()
	listener, err := control.Listen(r.paths.Socket)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watchers, err := r.watch(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := control.NewServer(&backend{r}, control.Options{Logger: r.log})
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	if r.opt.Ready != nil {
		r.opt.Ready()
	}
	r.dirs = watchers.list
	r.loop(ctx)
	cancel()
	watchers.close()
	return <-served
}

func (r *Runner) close() {
	r.work.Wait()
	r.awake.drop()
	var errs []error
	if r.facts != nil {
		errs = append(errs, r.facts.Close())
	}
	if r.history != nil {
		errs = append(errs, r.history.Close())
	}
	if r.trust != nil {
		errs = append(errs, r.trust.Close())
	}
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Release())
	}
	if err := errors.Join(errs...); err != nil {
		r.log.Error("could not close everything", "err", err)
	}
}
