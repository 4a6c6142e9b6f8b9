package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// growing are the inputs that grow by one a second while nothing happens, and
// shrinking those that fall: when a comparison with one flips can be computed.
var (
	growing = []string{"facts.presence.idle_seconds", "facts.presence.busy_seconds", "facts.presence.system_idle_seconds",
		"facts.presence.agent_held_seconds", "facts.presence.agent_busy_seconds", "facts.host.uptime_seconds", "facts.host.since_resume_seconds",
		"update.waited_seconds", "clock.unix_seconds"}
	shrinking = []string{"update.deadline_in_seconds", "control.retry_in_seconds"}
	// ownTime are those of them that belong to one action.
	ownTime = []string{"update.waited_seconds", "update.deadline_in_seconds", "control.retry_in_seconds"}
	// byEvent are the inputs whose changes are announced, as far as there is a
	// source for them; everything else is looked at again after lookEvery.
	byEvent = []string{"facts.power.", "facts.network.", "facts.presence.locked", "facts.presence.busy", "facts.presence.sessions",
		"facts.presence.remote_sessions", "facts.cpu.cores", "facts.storage.rotational", "facts.host.virtual", "facts.inhibitors.",
		"control.", "trust.", "running", "sandbox.", "action.", "updater.", "update."}
)

// lookEvery bounds how long a condition on a measured quantity, such as the
// disk's queue, goes unseen. Thirty seconds is what Windows uses while the
// user is away (Task Scheduler idle conditions).
const lookEvery = 30 * time.Second

// relaxWithin is how far ahead the moving of thresholds towards a deadline is
// worked out; retryError when policies that failed are asked again.
const (
	relaxWithin = 24 * time.Hour
	retryError  = 10 * time.Minute
)

// Next says when an action that waits is worth another look although nothing has
// happened. Zero means never: only an event can help.
type Next struct {
	// Flip is the next instant at which the passing of time alone can bring a
	// condition to be met: an idle time that is long enough, a retry that comes
	// due, the edge of a window. It is never later than that. Decide again then.
	Flip time.Time
	// Look is when the facts should be gathered again, because something waits for
	// a measured quantity whose changes nobody announces, or for what only OPA can
	// tell. Compare then; there is no need to decide.
	Look time.Time
}

// Next works out when to look again at an action that waits by d; now is the
// instant at which in was taken.
func (e *Engine) Next(in *Input, d Decision, now time.Time) Next {
	if d.Error != "" {
		return Next{Flip: now.Add(retryError)}
	}
	g := e.gen.Load()
	flip, look := time.Duration(-1), false
	for _, name := range slices.Concat(d.DeniedBy, d.WaitsFor) {
		f := g.flips(name, in, now)
		flip, look = sooner(sooner(flip, f.alone), f.own), look || f.measured
	}
	if in.lookup("update.deadline_in_seconds") != nil {
		flip = g.relaxes(in, d, now, sooner(flip, relaxWithin), e.opt.Deadline)
	}
	return nextAt(now, flip, look)
}

func nextAt(now time.Time, flip time.Duration, look bool) (n Next) {
	if flip >= 0 {
		n.Flip = now.Add(max(flip, time.Second))
	}
	if look {
		n.Look = now.Add(lookEvery)
	}
	return n
}

// Earliest is the earlier of the two, zero for never.
func (n Next) Earliest() time.Time {
	if n.Flip.IsZero() || !n.Look.IsZero() && n.Look.Before(n.Flip) {
		return n.Look
	}
	return n.Flip
}

// Alone is what the passing of time does to an action that waits while nothing
// else changes: no fact but those that count seconds, and no word of anybody.
type Alone struct {
	// At is the first second at which the verdict is run, found by deciding on the
	// input as it will be then. Zero: never, or it cannot be told.
	At time.Time
	// Needs are conditions that time alone does not clear; At is zero then.
	Needs []string
	// Unclear are conditions of which it cannot be told whether time clears them,
	// or not so far ahead as it was looked.
	Unclear []string
}

// maxAlone bounds the flips that are followed; a condition on every minute would
// have more than anybody waits for.
const maxAlone = 100

// Alone works out when an action that waits by d would run by time alone; now is
// the instant at which in was taken. It goes from flip to flip: before the latest
// of the instants at which the unmet conditions can first be met nothing runs.
func (e *Engine) Alone(ctx context.Context, in *Input, d Decision, now time.Time) Alone {
	g, at, then := e.gen.Load(), now, in
	for range maxAlone {
		switch {
		case ctx.Err() != nil || d.Error != "":
			return Alone{Unclear: slices.Concat(d.DeniedBy, d.WaitsFor)}
		case d.Verdict == Run:
			return Alone{At: at}
		}
		step, out := g.latest(then, d, at, e.opt.Deadline)
		if step < 0 {
			return out
		}
		at = at.Add(max(step, time.Second))
		then = in.after(at.Sub(now), now)
		d = g.decide(ctx, then, e.opt.Deadline)
	}
	return Alone{Unclear: slices.Concat(d.DeniedBy, d.WaitsFor)}
}

// latest is the least time after which all unmet conditions can be met; negative
// where time alone does not do it, or nobody can tell.
func (g *Generation) latest(in *Input, d Decision, now time.Time, deadline time.Duration) (step time.Duration, out Alone) {
	relaxed := time.Duration(-1)
	if in.lookup("update.deadline_in_seconds") != nil {
		relaxed = g.relaxes(in, d, now, relaxWithin, deadline)
	}
	for _, name := range slices.Concat(d.DeniedBy, d.WaitsFor) {
		f := g.flips(name, in, now)
		if relaxed >= 0 && g.readsAny(name, "update.deadline_in_seconds") {
			f.alone = sooner(f.alone, relaxed)
		}
		switch {
		case f.alone >= 0:
			step = max(step, f.alone)
		case f.measured && g.readsAny(name, clocks...) && g.isHidden(name, in):
			out.Unclear = append(out.Unclear, name)
		default:
			out.Needs = append(out.Needs, name)
		}
	}
	if len(out.Needs) > 0 {
		out.Unclear = nil // whatever becomes of them
	}
	if len(out.Needs)+len(out.Unclear) > 0 {
		return -1, out
	}
	return step, out
}

// clocks are the inputs that time alone changes.
var clocks = slices.Concat(growing, shrinking, []string{"clock.minute_of_day", "clock.weekday"})

// readsAny tells whether a condition reads one of the paths.
func (g *Generation) readsAny(condition string, paths ...string) bool {
	reads := g.prog.conditions[condition]
	known := slices.Clone(reads.known)
	for _, u := range reads.unknown {
		path, _ := inputPath(u.Value.(ast.Ref))
		known = append(known, path)
	}
	return slices.ContainsFunc(paths, func(path string) bool { return overlaps(known, path) })
}

// isHidden tells whether something of the condition is no plain comparison.
func (g *Generation) isHidden(condition string, in *Input) bool {
	opaque := func(a alternative) bool { return a.opaque }
	alts, ok := g.ways(context.Background(), condition, in)
	r := g.residual(context.Background(), condition, in)
	return !ok || r == nil || slices.ContainsFunc(alts, opaque) || slices.ContainsFunc(r.source, opaque)
}

// sooner is the lesser of two durations; a negative one stands for never.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// A flip says what time does to what is not met; durations are negative for never.
type flip struct {
	alone    time.Duration // least time after which it can be met by time alone
	own      time.Duration // least time after which what is the action's own no longer stands in the way, whatever else does
	measured bool          // it also hangs on a quantity that has to be looked at
}

func (f flip) or(g flip) flip {
	return flip{sooner(f.alone, g.alone), sooner(f.own, g.own), f.measured || g.measured}
}

// flips is about one condition.
func (g *Generation) flips(condition string, in *Input, now time.Time) flip {
	alts, ok := g.ways(context.Background(), condition, in)
	if !ok {
		return flip{-1, -1, true}
	}
	f := flip{-1, -1, false}
	for _, a := range alts {
		f = f.or(a.after(in, now))
	}
	if r := g.residual(context.Background(), condition, in); r != nil { // the ways have what moves settled as of now
		f = f.or(r.after(in, now))
	}
	return f
}

func (n *residual) after(in *Input, now time.Time) flip {
	f := flip{-1, -1, false}
	for _, alt := range n.alternatives {
		unmet := alternative{}
		for _, p := range alt {
			if p.truth(in) != yes {
				unmet.parts = append(unmet.parts, p.comparison)
			}
		}
		f = f.or(unmet.after(in, now))
	}
	return f
}

// relaxes is for an action with a deadline, whose thresholds move while it
// waits: it lets time pass, decides again, and halves until it has the second at
// which something is met. Facts count whole seconds, and so does it; it never
// answers later than the horizon.
func (g *Generation) relaxes(in *Input, d Decision, now time.Time, horizon, deadline time.Duration) time.Duration {
	failed := false
	same := func(seconds int64) bool {
		then := g.decide(context.Background(), in.after(time.Duration(seconds)*time.Second, now), deadline)
		failed = failed || then.Error != ""
		return slices.Equal(then.DeniedBy, d.DeniedBy) && slices.Equal(then.WaitsFor, d.WaitsFor)
	}
	low, high := int64(0), int64((horizon+time.Second-1)/time.Second)
	if same(high) {
		return horizon
	}
	for high-low > 1 && !failed {
		if mid := (low + high) / 2; same(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	if failed { // of a time at which the policies do not answer nothing can be said
		return min(horizon, time.Duration(low+1)*time.Second, retryError)
	}
	return min(horizon, time.Duration(high)*time.Second)
}

// After returns the input as it will be when nothing happens but time, by the
// input's own clock; a change of the zone's offset is not seen.
func (in *Input) After(d time.Duration) *Input {
	now := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC) // a Sunday
	if day := in.lookup("clock.weekday"); day != nil {
		for range 7 {
			if day.Equal(ast.StringTerm(now.Weekday().String())) {
				break
			}
			now = now.AddDate(0, 0, 1)
		}
	}
	if minute, ok := wholeNumberAt(in, "clock.minute_of_day"); ok {
		now = now.Add(time.Duration(minute) * time.Minute)
	}
	if unix, ok := wholeNumberAt(in, "clock.unix_seconds"); ok {
		now = now.Add(time.Duration(unix%60) * time.Second)
	}
	return in.passed(d, now.Add(d))
}

// after is After on the machine's clock: now is when in was taken.
func (in *Input) after(d time.Duration, now time.Time) *Input {
	return in.passed(d, now.Add(d).Local())
}

// passed lets d pass, after which the clock shows then.
func (in *Input) passed(d time.Duration, then time.Time) *Input {
	out := in
	add := func(path string, seconds int64) {
		if n, ok := wholeNumberAt(out, path); ok {
			out = out.with(path, wholeTerm(n+seconds))
		}
	}
	seconds := int64(d / time.Second)
	for _, path := range growing {
		add(path, seconds)
	}
	add("update.deadline_in_seconds", -seconds)
	if n, ok := wholeNumberAt(out, "control.retry_in_seconds"); ok {
		out = out.with("control.retry_in_seconds", wholeTerm(max(0, n-seconds)))
	}
	if out.lookup("clock.minute_of_day") != nil {
		out = out.with("clock.minute_of_day", wholeTerm(int64(then.Hour()*60+then.Minute())))
	}
	if out.lookup("clock.weekday") != nil {
		out = out.with("clock.weekday", ast.StringTerm(then.Weekday().String()))
	}
	return out
}

func wholeTerm(n int64) *ast.Term { return ast.NewTerm(ast.Number(strconv.FormatInt(n, 10))) }

func wholeNumberAt(in *Input, path string) (int64, bool) {
	t := in.lookup(path)
	if t == nil {
		return 0, false
	}
	return wholeNumber(t.Value)
}

// after is the latest of the instants at which the comparisons of a that do not
// hold could. A re-checker has what is the action's own worked in as of now, and
// sees no more of an alternative that fails by it; so that has an instant of its own.
func (a alternative) after(in *Input, now time.Time) flip {
	f := flip{0, -1, false}
	for _, c := range a.unmetParts(in) {
		d, measured := c.after(in, now)
		switch {
		case measured:
			f.measured = true
		case d < 0:
			f.alone = -1 // an event first, whatever is measured
		case f.alone >= 0:
			f.alone = max(f.alone, d)
		}
		if d >= 0 && slices.Contains(ownTime, c.path) {
			f.own = max(f.own, d)
		}
	}
	if f.alone < 0 {
		f.measured = false
	} else if f.measured {
		f.alone = -1
	}
	return f
}

// after is the least time in which the comparison, which does not hold, could;
// negative: only an event, or with measured another measurement, can help.
func (c comparison) after(in *Input, now time.Time) (after time.Duration, measured bool) {
	grows, falls := slices.Contains(growing, c.path), slices.Contains(shrinking, c.path)
	switch {
	case c.path == "":
		return -1, true
	case grows && c.op != "<" && c.op != "<=", falls && c.op != ">" && c.op != ">=":
		return c.distance(in, grows), false
	case c.path == "clock.minute_of_day":
		return c.edge(now), false
	case c.path == "clock.weekday":
		return midnight(now), false
	case slices.ContainsFunc(byEvent, func(p string) bool { return strings.HasPrefix(c.path, p) }):
		return -1, false
	}
	return -1, true
}

// edge is the time until the minute of the day can satisfy the comparison.
func (c comparison) edge(now time.Time) time.Duration {
	want, ok := wholeNumber(c.value.Value)
	switch {
	case ok && (c.op == ">=" || c.op == "=="):
		return untilMinute(now, want)
	case ok && c.op == ">":
		return untilMinute(now, want+1)
	case ok && (c.op == "<" || c.op == "<="):
		return midnight(now)
	}
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now)
}

func midnight(now time.Time) time.Duration { return untilMinute(now, 24*60) }

// untilMinute is the time until the local clock first shows a minute of the day.
// A change of the zone's offset may make it jump there: it is looked at again
// then.
func untilMinute(now time.Time, minute int64) time.Duration {
	now = now.Local()
	y, m, d := now.Date()
	at := time.Date(y, m, d, 0, int(minute), 0, 0, now.Location())
	if !at.After(now) {
		at = time.Date(y, m, d+1, 0, int(minute), 0, 0, now.Location())
	}
	if _, changes := now.ZoneBounds(); !changes.IsZero() && changes.After(now) && changes.Before(at) {
		at = changes
	}
	return at.Sub(now)
}

// distance is how many seconds the observed number is from a needed one; negative
// when it is not known, because then only an event can tell, or has gone past it.
func (c comparison) distance(in *Input, grows bool) time.Duration {
	have, ok := number(in.find(c.ref))
	if !ok {
		return -1
	}
	needed := []*ast.Term{c.value}
	if set, ok := c.value.Value.(ast.Set); ok && c.op == "in" {
		needed = set.Slice()
	} else if list, ok := c.value.Value.(*ast.Array); ok && c.op == "in" {
		needed = nil
		list.Foreach(func(t *ast.Term) { needed = append(needed, t) })
	}
	least := time.Duration(-1)
	for _, t := range needed {
		want, ok := number(t.Value)
		if !ok {
			continue
		}
		if !grows {
			want = 2*have - want
		}
		if want >= have {
			least = sooner(least, time.Duration((want-have)*float64(time.Second)))
		}
	}
	return least
}

func number(v ast.Value) (float64, bool) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, false
	}
	return n.Float64()
}
