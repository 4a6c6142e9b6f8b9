package runner

import (
	"context"
	"sync"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/keepawake"
)

// awake is the sleep inhibitor: held while a heavy action runs on AC power,
// for at most awakeLimit, and dropped at once on unplugging.
type awake struct {
	mu      sync.Mutex
	release func()
	why     string
	timer   *time.Timer
	spent   bool // the limit was reached; not held again until nothing asks for it
}

// awakeLimit bounds one hold, so that a stuck updater cannot keep a laptop
// awake for ever.
const awakeLimit = 30 * time.Minute

// hold takes the inhibitor unless it is held already.
func (k *awake) hold(why string, failed func(error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.release != nil || k.spent {
		return
	}
	release, err := keepawake.Hold(context.Background(), why)
	if err != nil {
		k.spent = true // said once, not at every turn
		failed(err)
		return
	}
	k.release, k.why = release, why
	k.timer = time.AfterFunc(awakeLimit, func() {
		k.drop()
		k.mu.Lock()
		k.spent = true
		k.mu.Unlock()
	})
}

// drop gives the inhibitor back, if it is held.
func (k *awake) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.release != nil {
		k.timer.Stop()
		k.release()
		k.release = nil
	}
}

// reason says why the machine is kept awake, "" when it is not.
func (k *awake) reason() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.release == nil {
		return ""
	}
	return k.why
}

// rest is drop at the end of the work that asked for it.
func (k *awake) rest() {
	k.drop()
	k.mu.Lock()
	k.spent = false
	k.mu.Unlock()
}

// keepAwake holds the inhibitor while a running, unfrozen action's decision
// obliges to it and the machine is known to be on AC.
func (r *Runner) keepAwake() {
	if !r.cfg.Load().KeepAwake() {
		r.awake.rest()
		return
	}
	for _, a := range r.active.list() {
		if !a.obligations.KeepAwake || a.isFrozen() {
			continue
		}
		if onAC(r.facts.Snapshot(context.Background(), facts.Set{factAC: true}, facts.Target{})) {
			r.awake.hold("installing updates: "+a.Updater, func(err error) {
				r.log.Info("cannot keep the machine awake", "err", err)
			})
		} else {
			r.awake.drop()
		}
		return
	}
	r.awake.rest()
}
