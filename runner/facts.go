package runner

import (
	"fmt"

	"github.com/lullhq/lull/facts"
)

// openFacts opens the gatherer, told what is lull's own work, and the record
// of the facts. A record that cannot be written is a warning: lull works
// without it.
func (r *Runner) openFacts() (err error) {
	if r.facts, err = facts.New(r.factsOptions()); err != nil {
		return fmt.Errorf("open facts: %w", err)
	}
	if r.history, err = facts.OpenRecorder(r.paths.FactsLog); err != nil {
		r.log.Warn("facts are not recorded", "dir", r.paths.FactsLog, "err", err)
		r.history = nil
	}
	return nil
}

func (r *Runner) factsOptions() facts.Options {
	return facts.Options{
		Root: r.opt.Machine, Live: r.opt.Machine != "",
		LocalDir: r.paths.FactsLocal, LocalTypes: r.paths.FactTypes, AgentSocket: r.paths.AgentSocket, Own: r.ownWork, Now: r.now, Logger: r.log,
	}
}

// ownWork names what lull itself runs, so that the facts leave it out.
func (r *Runner) ownWork() facts.Own {
	var own facts.Own
	for _, a := range r.active.list() {
		cgroup, pids := a.proc.Work()
		if cgroup != "" {
			own.Cgroups = append(own.Cgroups, cgroup)
		}
		own.PIDs = append(own.PIDs, pids...)
	}
	return own
}

// remember adds a snapshot to the record of facts, which keeps what changed.
// Only one volume is recorded, the first that something wanted to write to:
// between two, the storage facts would seem to change at every look.
func (r *Runner) remember(volume string, s facts.Snapshot) {
	if r.recorded == "" {
		r.recorded = volume
	}
	if r.history == nil || r.recorded != volume {
		return
	}
	if err := r.history.Add(s); err != nil {
		r.log.Warn("facts are no longer recorded", "dir", r.paths.FactsLog, "err", err)
		r.history = nil
	}
}
