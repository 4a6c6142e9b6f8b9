package facts

import (
	"context"
	"log/slog"
	"math"
	"math/bits"
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
	given  bool                 // Now is not time.Now
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

// stamper is a collector that notices whatever happens to those that keep what
// they said, see batch.unchanged: while its stamp is the same, and not 0, they
// need not be asked.
type stamper interface {
	stamp(now instant) uint64
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
	stamper    stamper // nil: there is none
	local      *localFacts
	watching   sync.WaitGroup

	mu    sync.Mutex // guards everything below, and serialises the collectors
	plans map[planKey]*plan
	last  *plan // the one that was used last
	batch batch
}

// plan is a Set made ready: the wanted facts and the collectors they need.
type plan struct {
	set        Set // kept, so that its address is not used for another
	key        planKey
	want       []bool
	wanted     []fact
	slots      slots
	local      bool
	collectors []collector
	seen       []uint64 // the versions of what they said last, see batch.unchanged
	steady     steadied
	bits       []uint64 // what they said last; nil: nothing yet
	spare      []uint64 // for the snapshots to come
	notes      []note
	primers    []primer // those of them that have rates
}

// steadied are the collectors of a plan that need not be asked.
type steadied struct {
	stamp uint64        // while it is the same
	until time.Duration // boot time
	which []bool        // by collector
	slots []uint8       // of their facts
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
	g := &Gatherer{opts: opts, collectors: collectors, local: &localFacts{opts.LocalDir, opts.LocalTypes}, plans: map[planKey]*plan{}}
	for _, c := range collectors {
		if s, ok := c.(stamper); ok {
			g.stamper = s
		}
	}
	return g
}

func (o *Options) setDefaults() {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.given = o.given || o.Now != nil; !o.given {
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
	b := &g.batch // kept, so that the bits are the only allocation, of several snapshots at once
	if len(p.spare) < len(p.wanted) {
		p.spare = make([]uint64, 8*len(p.wanted))
	}
	b.bits, p.spare = p.spare[:len(p.wanted):len(p.wanted)], p.spare[len(p.wanted):]
	b.notes, b.fresh, b.before = p.notes, false, p.bits
	b.slots, b.want, b.path, b.now = p.slots, p.want, t.Path, g.instant()
	b.stored = 0
	g.prime(ctx, p, b)
	g.ask(ctx, p, b)
	b.fillGaps(p.wanted)
	p.bits, p.notes = b.bits, b.notes
	s := Snapshot{at: b.now.wall, bits: b.bits, notes: b.notes, slots: b.slots}
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

// ask asks the collectors, or those of which it is not known that they would say
// what they said last.
func (g *Gatherer) ask(ctx context.Context, p *plan, b *batch) {
	var stamp uint64
	if g.stamper != nil {
		stamp = g.stamper.stamp(b.now)
	}
	skip := stamp != 0 && stamp == p.steady.stamp && b.now.boot < p.steady.until
	if skip {
		for _, i := range p.steady.slots {
			b.bits[i] = b.before[i]
			b.stored |= 1 << i
		}
	} else {
		p.steady.stamp = 0
	}
	b.moved, b.until = false, math.MaxInt64
	for next := 0; next < len(p.collectors); {
		next = g.collect(ctx, p, next, skip, b)
	}
	if stamp != 0 && !skip && !b.moved {
		p.settle(stamp, b.until)
	}
}

// settle takes note of the collectors that need not be asked.
func (p *plan) settle(stamp uint64, until time.Duration) {
	s := &p.steady
	s.stamp, s.until, s.slots = stamp, until, s.slots[:0]
	for i, c := range p.collectors {
		if !s.which[i] {
			continue
		}
		for _, f := range c.facts() {
			if slot := p.slots[f]; slot != noSlot {
				s.slots = append(s.slots, slot)
			}
		}
	}
}

// collect runs the collectors from the given one on, without those that need not
// be asked, and returns which is next; a panic in one makes its facts unknown.
func (g *Gatherer) collect(ctx context.Context, p *plan, from int, skip bool, b *batch) (next int) {
	defer func() {
		if r := recover(); r != nil {
			g.opts.Logger.Error("fact collector panicked", "panic", r)
			b.unknownAll("the collector failed; see the log", p.collectors[next].facts()...)
			p.seen[next], p.steady.which[next], b.moved = 0, false, true // not to be kept
			next++
		}
	}()
	for next = from; next < len(p.collectors); next++ {
		if skip && p.steady.which[next] {
			continue
		}
		b.seen, b.steady = &p.seen[next], false
		p.collectors[next].collect(ctx, b)
		if !skip {
			p.steady.which[next] = b.steady
		}
	}
	return next
}

const noSource = "no source on this platform"

// fillGaps makes wanted facts that nobody mentioned unknown.
func (b *batch) fillGaps(wanted []fact) {
	if bits.OnesCount64(b.stored) == len(wanted) {
		return
	}
	for i, f := range wanted {
		if b.stored&(1<<i) == 0 {
			b.unknown(f, noSource)
		}
	}
}

func (g *Gatherer) instant() instant {
	i := instant{boot: g.opts.boot()}
	i.wall = g.opts.Now()
	if i.awake = i.wall; g.opts.given {
		i.awake = time.Now()
	}
	return i
}

// plan looks up or makes the plan of a Set.
func (g *Gatherer) plan(want Set) *plan {
	key := planKey{reflect.ValueOf(want).Pointer(), len(want)}
	if g.last != nil && g.last.key == key {
		return g.last
	}
	p, ok := g.plans[key]
	if !ok {
		p = g.addPlan(key, want)
	}
	g.last = p
	return p
}

func (g *Gatherer) addPlan(key planKey, want Set) *plan {
	if len(g.plans) > 64 { // sets come and go with policy generations
		clear(g.plans)
	}
	p := g.newPlan(want)
	p.key = key
	g.plans[key] = p
	return p
}

func (g *Gatherer) newPlan(want Set) *plan {
	p := &plan{set: want, want: make([]bool, len(declared)), slots: make(slots, len(declared)), local: want.Has(LocalFacts)}
	for f, d := range declared {
		p.slots[f] = noSlot
		if p.want[f] = want.Has(d.ID); p.want[f] {
			p.slots[f] = uint8(len(p.wanted))
			p.wanted = append(p.wanted, fact(f))
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
	p.seen, p.steady.which = make([]uint64, len(p.collectors)), make([]bool, len(p.collectors))
	p.notes = make([]note, len(p.wanted))
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
