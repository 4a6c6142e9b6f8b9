package facts

import (
	"context"
	"log/slog"
	"math"
	"math/bits"
	"reflect"
	"slices"
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
}

// plan is a Set made ready: the wanted facts and the collectors they need.
type plan struct {
	batch          // kept, so that the bits are the only allocation, of several snapshots at once
	set        Set // kept, so that its address is not used for another
	key        planKey
	wanted     []fact
	local      bool
	collectors []*asked
	steady     steadied
	spare      []uint64 // bits for the snapshots to come
}

// asked is a collector of a plan.
type asked struct {
	collector
	seen   uint64 // the version of what it said last, see batch.unchanged
	kept   []fact // of which it said the same as then, and will for as long as nothing happens
	steady bool   // that is all it has to say
}

// steadied is what need not be asked for.
type steadied struct {
	stamp  uint64        // while it is the same; 0 = never
	until  time.Duration // boot time
	kept   uint64        // the facts, a bit for each slot
	others []*asked      // whom to ask all the same
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
	b := &p.batch
	b.before, b.bits, b.fresh = b.bits, p.room(), false
	b.path, b.now = t.Path, g.instant()
	if g.ask(ctx, p, b); b.again > 0 && wait(ctx, b.again) {
		b.before, b.now = b.bits, g.instant()
		g.ask(ctx, p, b)
	}
	b.fillGaps(p.wanted)
	s := Snapshot{at: b.now.wall, bits: b.bits, notes: b.notes, slots: b.slots}
	if p.local {
		s.local = g.local.read(b.now.wall)
	}
	return s
}

// room is for the bits of one snapshot.
func (p *plan) room() (bits []uint64) {
	n := len(p.wanted)
	if len(p.spare) < n {
		p.spare = make([]uint64, 8*n)
	}
	bits, p.spare = p.spare[:n:n], p.spare[n:]
	return bits
}

// wait waits so long, and reports whether it did.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// ask asks the collectors, or those of which it is not known that they would say
// what they said last.
func (g *Gatherer) ask(ctx context.Context, p *plan, b *batch) {
	var stamp uint64
	if g.stamper != nil {
		stamp = g.stamper.stamp(b.now)
	}
	s := &p.steady
	b.stored, b.moved, b.until, b.again = 0, false, math.MaxInt64, 0
	if b.calm = stamp != 0 && stamp == s.stamp && b.now.boot < s.until; b.calm {
		copy(b.bits, b.before)
		b.stored = s.kept
		g.askAll(ctx, s.others, b)
		return
	}
	for _, a := range p.collectors {
		a.kept, a.steady = nil, false
	}
	g.askAll(ctx, p.collectors, b)
	if s.stamp = 0; stamp != 0 && !b.moved {
		p.settle(stamp, b)
	}
}

// settle takes note of what need not be asked for.
func (p *plan) settle(stamp uint64, b *batch) {
	s := &p.steady
	s.stamp, s.until, s.kept, s.others = stamp, b.until, 0, s.others[:0]
	for _, a := range p.collectors {
		if !a.steady {
			s.others = append(s.others, a)
		}
		for _, f := range a.kept {
			if slot := p.slots[f]; slot != noSlot {
				s.kept |= 1 << slot
			}
		}
	}
}

func (g *Gatherer) askAll(ctx context.Context, all []*asked, b *batch) {
	for len(all) > 0 {
		all = g.collect(ctx, all, b)
	}
}

// collect runs collectors and returns those that are left: a panic in one makes its
// facts unknown and ends it.
func (g *Gatherer) collect(ctx context.Context, all []*asked, b *batch) (left []*asked) {
	defer func() {
		if r := recover(); r != nil {
			g.opts.Logger.Error("fact collector panicked", "panic", r)
			b.unknownAll("the collector failed; see the log", b.asked.facts()...)
			b.asked.seen, b.asked.kept, b.asked.steady, b.moved = 0, nil, false, true
			left = all[1+slices.Index(all, b.asked):]
		}
	}()
	for _, a := range all {
		b.asked = a
		a.collect(ctx, b)
	}
	return nil
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
	p := &plan{set: want, local: want.Has(LocalFacts)}
	p.want, p.slots = make([]bool, len(declared)), make(slots, len(declared))
	for f, d := range declared {
		p.slots[f] = noSlot
		if p.want[f] = want.Has(d.ID); p.want[f] {
			p.slots[f] = uint8(len(p.wanted))
			p.wanted = append(p.wanted, fact(f))
		}
	}
	for _, c := range g.collectors {
		if anyWanted(p.want, c.facts()) {
			p.collectors = append(p.collectors, &asked{collector: c})
		}
	}
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
