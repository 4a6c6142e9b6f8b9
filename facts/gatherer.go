package facts

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"time"
)

// Options of a Gatherer. The zero value gathers from the machine it runs on.
type Options struct {
	Root        string           // "/" (default), or the directory of a captured machine
	Live        bool             // Root is a running machine's, such as its host's seen from a container, and not a captured one
	LocalDir    string           // facts.d of the administrator; "" = none
	LocalTypes  []string         // directories of the types of these facts, see LocalCatalogue; lowest first
	Now         func() time.Time // default time.Now
	Logger      *slog.Logger     // default discards
	SystemBus   string           // D-Bus address; "" = the system's, "-" = none
	AgentSocket string           // where per-user agents report; "" = no agents are expected
	Own         func() Own       // lull's own running actions, whose work is left out; nil = none
	Deadline    time.Duration    // for any source that may hang; default 100ms

	boot   func() time.Duration // the time since boot; default this machine's
	looked func(path string)    // see root; for tests
}

// Own names what lull itself runs, so that it is not held against the
// machine's calm. Either part may be empty.
type Own struct {
	Cgroups []string // cgroup v2 directories of running actions, below the cgroup mount: "lull.slice/a1"
	PIDs    []int    // processes of running actions that have no cgroup of their own
}

// collector gathers some facts. Its methods are called by one goroutine at a
// time.
type collector interface {
	facts() []fact
	collect(ctx context.Context, b *batch)
	close() error
}

// primer is a collector of rates. prime takes an earlier look if there is none
// and returns how long to wait until the next.
type primer interface {
	prime(b *batch) time.Duration
}

// watcher is a collector that can tell when its facts may have changed.
type watcher interface {
	// watch calls wake with facts that may have changed, until ctx ends. It
	// is called in a goroutine of its own.
	watch(ctx context.Context, want []bool, wake func(...fact))
}

// Gatherer gathers facts. It is safe for concurrent use. The files it has
// opened stay open until Close.
type Gatherer struct {
	opts       Options
	collectors []collector
	local      *localFacts
	watching   sync.WaitGroup

	mu    sync.Mutex // guards everything below, and serialises the collectors
	plans map[planKey]*plan
	batch batch
}

// plan is a Set made ready: the wanted facts and the collectors they need.
type plan struct {
	set        Set // kept, so that its address is not used for another
	want       []bool
	slots      slots
	size       int // wanted facts
	local      bool
	collectors []collector
	primers    []primer // those of them that have rates
}

type planKey struct {
	set  uintptr
	size int
}

// New returns a Gatherer for the machine below opts.Root. It opens nothing
// yet: sources are opened when a fact of theirs is first wanted.
func New(opts Options) (*Gatherer, error) {
	opts.setDefaults()
	collectors, err := platformCollectors(&opts)
	if err != nil {
		return nil, err
	}
	return newGatherer(opts, collectors), nil
}

func newGatherer(opts Options, collectors []collector) *Gatherer {
	return &Gatherer{opts: opts, collectors: collectors, local: &localFacts{opts.LocalDir, opts.LocalTypes}, plans: map[planKey]*plan{}}
}

func (o *Options) setDefaults() {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Deadline == 0 {
		o.Deadline = 100 * time.Millisecond
	}
	if o.boot == nil {
		o.boot = sinceBoot
	}
	if o.Own == nil {
		o.Own = func() Own { return Own{} }
	}
}

// Snapshot gathers the wanted facts now. It never fails: what cannot be known
// is unknown and says why, and a source that hangs is given up at the
// deadline. Rates (queue depth, busy shares) are averages since the last
// Snapshot; when there was none recently, Snapshot takes two looks a fifth of
// a second apart.
func (g *Gatherer) Snapshot(ctx context.Context, want Set, t Target) Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.plan(want)
	b := &g.batch // kept, so that the cells are the only allocation
	*b = batch{cells: make([]cell, p.size), slots: p.slots, want: p.want, path: t.Path, now: g.instant()}
	g.prime(ctx, p, b)
	for _, c := range p.collectors {
		g.collect(ctx, c, b)
	}
	b.fillGaps()
	s := Snapshot{at: b.now.wall, cells: b.cells, slots: b.slots}
	if p.local {
		s.local = g.local.read(b.now.wall)
	}
	return s
}

// prime gives collectors of rates their first look, and waits until a second
// one is worth taking.
func (g *Gatherer) prime(ctx context.Context, p *plan, b *batch) {
	var wait time.Duration
	for _, c := range p.primers {
		wait = max(wait, c.prime(b))
	}
	if wait == 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	b.now = g.instant()
}

// collect runs one collector; a panic in it makes its facts unknown.
func (g *Gatherer) collect(ctx context.Context, c collector, b *batch) {
	defer func() {
		if r := recover(); r != nil {
			g.opts.Logger.Error("fact collector panicked", "panic", r)
			b.unknownAll("the collector failed; see the log", c.facts()...)
		}
	}()
	c.collect(ctx, b)
}

const noSource = "no source on this platform"

// fillGaps makes wanted facts that nobody mentioned unknown.
func (b *batch) fillGaps() {
	for f, want := range b.want {
		if c := fact(f); want && b.cell(c).state == cellUnwanted {
			*b.cell(c) = cell{state: cellUnknown, text: noSource}
		}
	}
}

func (g *Gatherer) instant() instant { return instant{wall: g.opts.Now(), boot: g.opts.boot()} }

// plan looks up or makes the plan of a Set.
func (g *Gatherer) plan(want Set) *plan {
	key := planKey{reflect.ValueOf(want).Pointer(), len(want)}
	if p, ok := g.plans[key]; ok {
		return p
	}
	if len(g.plans) > 64 { // sets come and go with policy generations
		clear(g.plans)
	}
	p := g.newPlan(want)
	g.plans[key] = p
	return p
}

func (g *Gatherer) newPlan(want Set) *plan {
	p := &plan{set: want, want: make([]bool, len(declared)), slots: make(slots, len(declared)), local: want.Has(LocalFacts)}
	for f, d := range declared {
		p.slots[f] = noSlot
		if p.want[f] = want.Has(d.ID); p.want[f] {
			p.slots[f] = uint8(p.size)
			p.size++
		}
	}
	for _, c := range g.collectors {
		if anyWanted(p.want, c.facts()) {
			p.collectors = append(p.collectors, c)
			if c, ok := c.(primer); ok {
				p.primers = append(p.primers, c)
			}
		}
	}
	return p
}

func anyWanted(want []bool, fs []fact) bool {
	for _, f := range fs {
		if want[f] {
			return true
		}
	}
	return false
}

// Close releases every source. Contexts given to Watch must have ended.
func (g *Gatherer) Close() error {
	g.watching.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	var first error
	for _, c := range g.collectors {
		if err := c.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
