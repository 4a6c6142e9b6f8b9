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
		after, measured := g.flips(name, in, now)
		flip, look = sooner(flip, after), look || measured
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

// sooner is the lesser of two durations; a negative one stands for never.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// flips is the least time after which one condition can be met, negative for
// never, and whether it also hangs on a quantity that has to be looked at.
func (g *Generation) flips(condition string, in *Input, now time.Time) (after time.Duration, measured bool) {
	alts, ok := g.ways(context.Background(), condition, in)
	if !ok {
		return -1, true
	}
	after = -1
	for _, a := range alts {
		t, look := a.after(in, now)
		after, measured = sooner(after, t), measured || look
	}
	if r := g.residual(context.Background(), condition, in); r != nil { // the ways have what moves settled as of now
		t, look := r.after(in, now)
		after, measured = sooner(after, t), measured || look
	}
	return after, measured
}

// after is the least time after which a residual can be met, as flips.
func (n *residual) after(in *Input, now time.Time) (after time.Duration, measured bool) {
	after = -1
	for _, alt := range n.alternatives {
		unmet := alternative{}
		for _, p := range alt {
			if p.truth(in) != yes {
				unmet.parts = append(unmet.parts, p.comparison)
			}
		}
		t, look := unmet.after(in, now)
		after, measured = sooner(after, t), measured || look
	}
	return after, measured
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

// after returns the input as it will be when nothing happens but time: now is
// when in was taken.
func (in *Input) after(d time.Duration, now time.Time) *Input {
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
	then := now.Add(d).Local()
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

// after is the least time in which every comparison of a that does not hold
// could: the latest of them. Negative: only an event, or with look another
// measurement, can help.
func (a alternative) after(in *Input, now time.Time) (least time.Duration, look bool) {
	for _, c := range a.unmetParts(in) {
		d, measured := c.after(in, now)
		switch {
		case measured:
			look = true
		case d < 0:
			return -1, false // an event first, whatever is measured
		}
		least = max(least, d)
	}
	if look {
		return -1, true
	}
	return least, false
}

func (c comparison) after(in *Input, now time.Time) (after time.Duration, measured bool) {
	switch {
	case c.path == "":
		return -1, true
	case slices.Contains(growing, c.path) && (c.op == ">=" || c.op == ">"),
		slices.Contains(shrinking, c.path) && c.op != ">=" && c.op != ">":
		return c.distance(in), false
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

// distance is how many seconds the observed number is from the needed one;
// negative when it is not known, because then only an event can tell.
func (c comparison) distance(in *Input) time.Duration {
	have, ok1 := number(in.find(c.ref))
	want, ok2 := number(c.value.Value)
	if !ok1 || !ok2 {
		return -1
	}
	if have > want {
		have, want = want, have
	}
	return time.Duration((want - have) * float64(time.Second))
}

func number(v ast.Value) (float64, bool) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, false
	}
	return n.Float64()
}
