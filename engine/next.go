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
		"facts.presence.agent_held_seconds", "facts.host.uptime_seconds", "facts.host.since_resume_seconds",
		"update.waited_seconds", "clock.unix_seconds"}
	shrinking = []string{"update.deadline_in_seconds", "control.retry_in_seconds"}
	// byEvent are the inputs whose changes are announced, as far as there is a
	// source for them; everything else is looked at again after pollEvery.
	byEvent = []string{"facts.power.", "facts.network.", "facts.presence.locked", "facts.presence.busy", "facts.presence.sessions",
		"facts.presence.remote_sessions", "facts.cpu.cores", "facts.storage.rotational", "facts.host.virtual", "facts.inhibitors.",
		"control.", "trust.", "running", "sandbox.", "action.", "updater.", "update."}
)

// pollEvery bounds how long a condition on a measured quantity, such as the
// disk's queue, goes unseen. Thirty seconds is what Windows uses while the
// user is away (Task Scheduler idle conditions).
const pollEvery = 30 * time.Second

// relaxEvery bounds it where a deadline makes thresholds move by themselves.
const relaxEvery = 10 * time.Minute

// NextCheck returns the next instant at which a condition that d waits for can
// come to be met without an event: an idle time that will be long enough, a retry
// that comes due, the edge of a window. now is the instant at which in was taken.
// It is never later than that, and early only where a condition rests on a
// measured quantity, which nobody announces, or on what only OPA can tell. Zero
// means that only an event can help.
func (e *Engine) NextCheck(in *Input, d Decision, now time.Time) time.Time {
	if d.Error != "" {
		return now.Add(relaxEvery)
	}
	g := e.gen.Load()
	next := time.Duration(-1)
	for _, name := range slices.Concat(d.DeniedBy, d.WaitsFor) {
		next = sooner(next, g.flips(name, in, now))
	}
	if in.lookup("update.deadline_in_seconds") != nil {
		next = g.relaxes(in, d, now, sooner(next, relaxEvery))
	}
	if next < 0 {
		return time.Time{}
	}
	return now.Add(max(next, time.Second))
}

// sooner is the lesser of two durations; a negative one stands for never.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// flips is the least time after which one condition can be met.
func (g *Generation) flips(condition string, in *Input, now time.Time) time.Duration {
	alts, ok := g.ways(context.Background(), condition, in)
	if !ok {
		return pollEvery
	}
	next := time.Duration(-1)
	for _, a := range alts {
		next = sooner(next, a.after(in, now))
	}
	return next
}

// relaxes is for an action with a deadline, whose thresholds move while it
// waits: it lets time pass, decides again, and halves until it has the second at
// which something is met.
func (g *Generation) relaxes(in *Input, d Decision, now time.Time, horizon time.Duration) time.Duration {
	same := func(after time.Duration) bool {
		then := g.decide(context.Background(), in.after(after, now), probeDeadline)
		return slices.Equal(then.DeniedBy, d.DeniedBy) && slices.Equal(then.WaitsFor, d.WaitsFor)
	}
	if same(horizon) {
		return horizon
	}
	low := time.Duration(0)
	for horizon-low > time.Second {
		if mid := (low + horizon) / 2; same(mid) {
			low = mid
		} else {
			horizon = mid
		}
	}
	return horizon
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
// could: the latest of them. Negative: only an event can help.
func (a alternative) after(in *Input, now time.Time) time.Duration {
	least := time.Duration(0)
	for _, c := range a.unmetParts(in) {
		d := c.after(in, now)
		if d < 0 {
			return -1
		}
		least = max(least, d)
	}
	return least
}

func (c comparison) after(in *Input, now time.Time) time.Duration {
	switch {
	case c.path == "":
		return pollEvery
	case slices.Contains(growing, c.path) && (c.op == ">=" || c.op == ">"):
		return c.distance(in)
	case slices.Contains(shrinking, c.path) && c.op != ">=" && c.op != ">":
		return c.distance(in)
	case c.path == "clock.minute_of_day":
		return c.edge(now)
	case c.path == "clock.weekday":
		return midnight(now)
	case slices.ContainsFunc(byEvent, func(p string) bool { return strings.HasPrefix(c.path, p) }):
		return -1
	}
	return pollEvery
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
