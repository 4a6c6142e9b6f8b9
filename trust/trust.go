package trust

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where trust reads and keeps its files. The zero value of a field
// means what its comment says.
type Options struct {
	VendorDirs   []string         // vendors.d directories, lowest first; those missing are skipped
	RootDirs     []string         // roots.d directories, lowest first
	StateDir     string           // required: store, floors, revocations
	BaseDir      string           // ownership is checked from here downward; default "/"
	Unprivileged bool             // files may belong to the current user instead of root
	Now          func() time.Time // default time.Now
	NotBefore    func() time.Time // the clock cannot be right before this instant; default none
	Boot         string           // identity of this boot; default the kernel's
	Platform     string           // default the running one, "linux/amd64"
	StoreLimit   int64            // bytes the store may hold; default 16 GiB
	StoreReserve int64            // bytes of the volume the store leaves free; default 256 MiB
	Interpreters []string         // allowed in #! lines; default DefaultInterpreters
	Logger       *slog.Logger     // default slog.Default
}

// Trust decides who vouches for which bytes. It is safe for concurrent use.
type Trust struct {
	opt   Options
	log   *slog.Logger
	store *store
	gen   atomic.Pointer[Generation]
	load1 sync.Mutex // one load at a time
	mu    sync.Mutex // floors
	off   defence    // tests only: a defence that is switched off
}

// Open prepares trust and loads the vendors. It writes nothing, so that tools
// may open the files of a running daemon; what is wrong with vendor files is in
// [Generation.Problems].
func Open(o Options) (*Trust, error) {
	if o.StateDir == "" {
		return nil, refuse(ErrState, "", "no state directory", "set Options.StateDir")
	}
	o.fill()
	var err error
	for _, dir := range []*string{&o.StateDir, &o.BaseDir} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, &Error{Reason: ErrIO, Path: *dir, Err: err}
		}
	}
	t := &Trust{opt: o, log: o.Logger}
	t.store = newStore(filepath.Join(o.StateDir, "store"), o, t.owners())
	t.Reload()
	return t, nil
}

func (o *Options) fill() {
	if o.BaseDir == "" {
		o.BaseDir = "/"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NotBefore == nil {
		o.NotBefore = func() time.Time { return time.Time{} }
	}
	if o.Boot == "" {
		o.Boot = bootID()
	}
	if o.Platform == "" {
		o.Platform = runtime.GOOS + "/" + runtime.GOARCH
	}
	if o.StoreLimit == 0 {
		o.StoreLimit = 16 << 30
	}
	if o.StoreReserve == 0 {
		o.StoreReserve = 256 << 20
	}
	if o.Interpreters == nil {
		o.Interpreters = DefaultInterpreters
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// bootID is the kernel's identity of this boot, "" where there is none: then
// every opening counts as a new boot.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(data[:min(len(data), 36)])
}

// Close notes that lull ended in order, so that the next boot need not read the
// whole store again.
func (t *Trust) Close() error { return t.store.close() }

func (t *Trust) owners() owners {
	return owners{base: t.opt.BaseDir, unprivileged: t.opt.Unprivileged, off: &t.off}
}

func (t *Trust) now() time.Time { return t.opt.Now() }

// Generation returns the vendors in force.
func (t *Trust) Generation() *Generation { return t.gen.Load() }

// Reload reads vendors, roots and revocations again and puts them in force. It
// never fails as a whole: a broken file disables its vendor at once. When
// nothing changed, the generation in force stays.
func (t *Trust) Reload() *Generation {
	t.load1.Lock()
	defer t.load1.Unlock()
	next := t.load()
	if old := t.gen.Load(); old != nil && old.digest == next.digest && old.stamp == next.stamp {
		return old
	}
	t.gen.Store(next)
	return next
}

// current is the generation in force, after looking whether something was
// revoked since it was loaded, perhaps by another process.
func (t *Trust) current() *Generation {
	if g := t.gen.Load(); t.off == defenceNews || g.stamp == stampOf(t.revocationDir()) {
		return g
	}
	return t.Reload()
}

// clockSkew is how far the clocks of a signer and of this machine may differ.
const clockSkew = 10 * time.Minute

// checkClock refuses to judge times by a clock that cannot be right: earlier
// than what the caller knows (its build, its journal) or than the newest
// signature that was verified here. Callers wait instead of denying.
func (t *Trust) checkClock(newest time.Time) error {
	if t.off == defenceClock {
		return nil
	}
	floor := t.opt.NotBefore()
	if newest.After(floor) {
		floor = newest
	}
	if now := t.now(); now.Add(clockSkew).Before(floor) {
		return refuse(ErrClock, "", fmt.Sprintf("it says %s, but it must be later than %s", now.UTC().Format(time.RFC3339), floor.UTC().Format(time.RFC3339)),
			"set the clock; what depends on the time waits until then")
	}
	return nil
}
