package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// growing are the inputs that grow by one a second while nothing happens, and
// shrinking those that fall: when a comparison with one flips can be computed.
var (
	growing   = []string{"facts.presence.idle_seconds", "facts.presence.system_idle_seconds", "facts.presence.agent_held_seconds", "facts.host.uptime_seconds", "facts.host.since_resume_seconds", "update.waited_seconds", "clock.unix_seconds"}
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

// NextCheck returns the next instant at which the verdict d on in can change
// without an event: an idle time that will be long enough, a retry that comes
// due. It is early rather than late. Zero means that only an event can help.
func (e *Engine) NextCheck(in *Input, d Decision, now time.Time) time.Time {
	if d.Error != "" {
		return now.Add(relaxEvery)
	}
	g := e.gen.Load()
	next := time.Duration(-1)
	sooner := func(after time.Duration) {
		if after >= 0 && (next < 0 || after < next) {
			next = after
		}
	}
	for _, name := range d.WaitsFor {
		alts, ok := g.ways(context.Background(), name, in)
		if !ok {
			sooner(pollEvery)
			continue
		}
		for _, a := range alts {
			sooner(a.after(in))
		}
	}
	if in.lookup("update.deadline_in_seconds") != nil {
		sooner(relaxEvery)
	}
	if next < 0 {
		return time.Time{}
	}
	return now.Add(max(next, time.Second))
}

// after is the least time in which every comparison of a that does not hold
// could: the latest of them. Negative: only an event can help.
func (a alternative) after(in *Input) time.Duration {
	least := time.Duration(0)
	for _, c := range a.unmetParts(in) {
		d := c.after(in)
		if d < 0 {
			return -1
		}
		least = max(least, d)
	}
	return least
}

func (c comparison) after(in *Input) time.Duration {
	switch {
	case c.path == "":
		return pollEvery
	case slices.Contains(growing, c.path) && (c.op == ">=" || c.op == ">"):
		return c.distance(in)
	case slices.Contains(shrinking, c.path) && c.op != ">=" && c.op != ">":
		return c.distance(in)
	case c.path == "clock.minute_of_day" || c.path == "clock.weekday":
		return pollEvery
	case slices.ContainsFunc(byEvent, func(p string) bool { return strings.HasPrefix(c.path, p) }):
		return -1
	}
	return pollEvery
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
	return time.Duration((want-have)*float64(time.Second)) + time.Second/2
}

func number(v ast.Value) (float64, bool) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, false
	}
	return n.Float64()
}
