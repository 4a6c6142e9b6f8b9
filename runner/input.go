package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/trust"
)

// document assembles the input of one candidate, CONTRACTS section 1: what
// the journal says of the action, what the manifest says it needs, the facts
// of the volume it will write to, and what trust found (or that it was not
// asked yet).
func (r *Runner) document(ctx context.Context, c candidate, trusted map[string]any) (*engine.Input, facts.Snapshot, error) {
	now := r.now()
	pkg := r.packages[c.Updater]
	if pkg == nil {
		return nil, facts.Snapshot{}, fmt.Errorf("updater %s is not in the store", c.Updater)
	}
	volume := r.writesTo(c, pkg)
	snap := r.facts.Snapshot(ctx, r.demand(), facts.Target{Path: volume})
	r.remember(volume, snap)
	doc := map[string]any{
		"action":  actionSection(c, pkg.Manifest),
		"updater": updaterSection(c, pkg),
		"trust":   trusted,
		"sandbox": r.sandbox,
		"control": controlSection(c, now),
		"running": r.runningSection(c.subject),
		"facts":   snap.Facts(),
		"meta":    snap.Meta(),
		"clock":   clockSection(now, r.clockTrusted()),
	}
	if c.up != nil {
		doc["update"] = updateSection(c.up, pkg, now, r.honorsDeadlines(pkg))
	}
	if r.assembled != nil {
		r.assembled(doc)
	}
	in, err := newInput(doc)
	return in, snap, err
}

func newInput(doc map[string]any) (*engine.Input, error) {
	in := &engine.Input{}
	for name, dst := range map[string]*engine.Section{
		"action": &in.Action, "update": &in.Update, "updater": &in.Updater, "trust": &in.Trust, "sandbox": &in.Sandbox,
		"control": &in.Control, "running": &in.Running, "facts": &in.Facts, "meta": &in.Meta, "clock": &in.Clock,
	} {
		v, ok := doc[name]
		if !ok {
			continue
		}
		s, err := engine.NewSection(v)
		if err != nil {
			return nil, fmt.Errorf("input.%s: %w", name, err)
		}
		*dst = s
	}
	return in, nil
}

// spec is what a manifest says of one action, scan included.
type spec struct {
	argv                                             []string
	requiresNetwork, pausable, exclusive, idempotent bool
	diskBytes, estimatedSeconds, maxSeconds          int64
}

// specOf returns the needs of an action. A scan, a download and a complete
// may always be repeated after a crash; the other kinds only where the
// manifest says idempotent.
func specOf(m *trust.Manifest, action string) spec {
	if action == actionScan {
		return spec{argv: m.Scan.Exec, requiresNetwork: m.Scan.RequiresNetwork, idempotent: true, maxSeconds: int64(m.Scan.MaxSeconds)}
	}
	a := m.Actions[action]
	return spec{
		argv: a.Exec, requiresNetwork: a.RequiresNetwork, pausable: a.Pausable, exclusive: a.Exclusive,
		idempotent: a.Idempotent || action == actionDownload || action == actionComplete,
		diskBytes:  a.DiskBytes, estimatedSeconds: int64(a.EstimatedSeconds), maxSeconds: int64(a.MaxSeconds),
	}
}

func actionSection(c candidate, m *trust.Manifest) map[string]any {
	s := specOf(m, c.Action)
	out := map[string]any{
		"kind": c.Action, "updater": c.Updater, "pausable": s.pausable, "exclusive": s.exclusive,
		"requires_network": s.requiresNetwork, "disk_bytes": s.diskBytes, "estimated_seconds": s.estimatedSeconds,
	}
	if c.Update != "" {
		out["update"] = c.Update
	}
	return out
}

// updateSection passes a deadline on only where the administrator lets this
// vendor set deadlines: they relax what the user's comfort asks for.
func updateSection(up *update, pkg *trust.Package, now time.Time, deadlines bool) map[string]any {
	out := map[string]any{
		"component": pkg.Manifest.Component, "version": up.Version, "security": up.Security, "size_bytes": up.SizeBytes,
		"grace_seconds": int64(graceSeconds), "waited_seconds": seconds(now.Sub(up.found)), "restart": up.ScanUpdate.Restart,
	}
	if deadlines && up.Deadline != nil {
		out["deadline_in_seconds"] = int64(up.Deadline.Sub(now) / time.Second)
	}
	return out
}

// graceSeconds is how long after its deadline an update is still asked
// gently, before the policy may let it run with the user present.
const graceSeconds = 48 * 60 * 60

func updaterSection(c candidate, pkg *trust.Package) map[string]any {
	priority := int64(pkg.Manifest.Priority)
	if priority == 0 {
		priority = 100
	}
	return map[string]any{"id": c.Updater, "vendor": pkg.Vendor, "priority": priority, "failures": int64(c.at.failures)}
}

func controlSection(c candidate, now time.Time) map[string]any {
	out := map[string]any{
		"hold": c.u.isHeld(now), "approved": false, "approved_metered": false,
		"retry_in_seconds": seconds(c.at.retryAt.Sub(now) + time.Second - 1),
	}
	if a := c.approval(); now.Before(a.until) {
		out["approved"], out["approved_metered"] = true, a.metered
	}
	return out
}

func (c candidate) approval() approval {
	if c.up != nil {
		return c.up.approval
	}
	return c.u.approval
}

// clockSection is the wall clock as policies may use it. The time zone is the
// machine's; a policy of windows reads weekday and minute_of_day, which need
// no time zone database in Rego.
func clockSection(now time.Time, trusted bool) map[string]any {
	local := now.Local()
	zone := local.Location().String()
	if zone == "Local" {
		zone, _ = local.Zone()
	}
	return map[string]any{
		"unix_seconds": now.Unix(), "weekday": local.Weekday().String(),
		"minute_of_day": int64(local.Hour()*60 + local.Minute()), "timezone": zone, "trusted": trusted,
	}
}

func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }
