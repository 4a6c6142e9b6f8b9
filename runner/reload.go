package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/runner/watch"
	"github.com/lullhq/lull/trust"
)

// watchers are the goroutines that turn outside events into functions for the
// loop: changed directories and changed facts.
type watchers struct {
	log    *slog.Logger
	list   []*watch.Watcher
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (w *watchers) close() {
	w.cancel()
	for _, one := range w.list {
		if err := one.Close(); err != nil {
			w.log.Warn("could not close a directory watch", "err", err)
		}
	}
	w.wg.Wait()
}

// watch starts watching the configuration, policies, vendors with roots,
// revocations, drop-in updaters, and facts. Each directory may be missing; it is seen when it
// appears. Only those in the state directory are made, as what lies beside them changes
// with every record of the journal and must not wake anybody.
func (r *Runner) watch(ctx context.Context) (*watchers, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watchers{log: r.log, cancel: cancel}
	own := []string{r.trust.RevocationDir(), r.paths.StateRoots()}
	for _, dir := range own {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			cancel()
			return nil, fmt.Errorf("make a directory of the state: %w", err)
		}
	}
	for _, one := range []struct {
		dirs   []string
		steady bool
		reload func(context.Context)
	}{
		{r.paths.ConfigFiles, false, r.reloadConfig},
		{slices.Concat(r.paths.PolicyDirs, r.paths.FactTypes), false, r.reloadPolicies},
		{slices.DeleteFunc(slices.Concat(r.paths.VendorDirs, r.paths.RootDirs), func(dir string) bool { return slices.Contains(own, dir) }), false, r.reloadVendors},
		{own, true, r.reloadVendors},
		{r.paths.UpdaterDirs, false, r.reloadDropins},
	} {
		dw, err := watch.New(watch.Options{Dirs: one.dirs, Steady: one.steady, Logger: r.log})
		if err != nil {
			w.close()
			return nil, err
		}
		w.list = append(w.list, dw)
		w.wg.Go(func() {
			for range dw.C() {
				one.reload(ctx)
			}
		})
	}
	w.wg.Go(func() { r.watchFacts(ctx) })
	return w, nil
}

// lookAgainAfter is how old the last comparison of the directories may grow
// while the daemon is awake. Nothing wakes it for that.
const lookAgainAfter = 10 * time.Minute

// lookAgain finds edits that no event told of. It runs on wakes that happen
// anyway, and the watches' own goroutines read the files.
func (r *Runner) lookAgain() {
	now := r.now()
	if age := now.Sub(r.looked); age >= 0 && age < lookAgainAfter {
		return
	}
	r.looked = now
	for _, w := range r.dirs {
		w.Recheck()
	}
}

// watchFacts follows the facts that the policies in force read, and follows
// the new ones when a reload has changed what they read.
func (r *Runner) watchFacts(ctx context.Context) {
	for ctx.Err() == nil {
		sub, cancel := context.WithCancel(ctx)
		r.mu.Lock()
		r.rewatch = cancel
		r.mu.Unlock()
		r.reflex(ctx, r.facts.Watch(sub, r.demand()))
		cancel()
	}
}

// reloadConfig puts an edited configuration in force. All of its keys are read
// when they are needed, so none waits for a restart; an action that runs already
// keeps the environment that it was started with.
func (r *Runner) reloadConfig(context.Context) {
	cfg, err := config.Load(r.paths)
	r.post(func() {
		if err != nil {
			r.log.Error("configuration rejected; the last good one stays in force", "err", err)
			r.rejected = control.Config{Since: optional(r.now()), Problems: problemLines(err)}
			return
		}
		r.rejected = control.Config{}
		if cfg.Equal(*r.cfg.Load()) {
			return
		}
		r.cfg.Store(&cfg)
		r.log.Info("configuration in force")
		if r.opt.Changed != nil {
			r.opt.Changed(cfg)
		}
		r.keepAwake()
	})
}

// problemLines are the mistakes in a configuration, each with file and line.
func problemLines(err error) (out []string) {
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return []string{err.Error()}
	}
	for _, one := range many.Unwrap() {
		out = append(out, one.Error())
	}
	return out
}

// reloadPolicies compiles off the loop, then lets the loop see the new set.
func (r *Runner) reloadPolicies(ctx context.Context) {
	changed, err := r.engine.Reload(ctx)
	if !changed && err == nil {
		return
	}
	r.mu.Lock()
	if changed && r.rewatch != nil {
		r.rewatch()
	}
	r.mu.Unlock()
	r.post(func() { r.notePolicy(err) })
}

// notePolicy journals which policies decide, or that an edit was rejected and
// the last good set goes on deciding.
func (r *Runner) notePolicy(err error) {
	var bad *engine.LoadError
	if errors.As(err, &bad) {
		body := policyBody{Digest: bad.Digest}
		for _, d := range bad.Diagnostics {
			body.Errors = append(body.Errors, d)
		}
		r.note(kindPolicyRejected, body)
		r.log.Error("policies rejected; the last good ones stay in force", "err", err)
		return
	}
	if err != nil {
		r.log.Error("policies could not be read; the last good ones stay in force", "err", err)
		return
	}
	digest := r.engine.Generation().Digest()
	if digest != r.state.policy {
		r.note(kindPolicyLoaded, policyBody{Digest: digest})
	}
}

func (r *Runner) reloadVendors(ctx context.Context) {
	r.post(func() {
		r.loadVendors()
		r.forgetRefusals()
		r.endUntrusted(ctx)
		r.syncDropins(ctx) // a vendor that appeared may vouch for what was refused
	})
}

// loadVendors loads and journals the vendors in force. A broken file disables
// its vendor; the others stay.
func (r *Runner) loadVendors() {
	gen := r.trust.Reload()
	problems := gen.Problems()
	body := vendorsBody{Digest: gen.Digest()}
	for _, p := range problems {
		body.Problems = append(body.Problems, p)
		r.log.Error("vendor disabled", "vendor", p.Vendor, "file", p.File, "line", p.Line, "problem", p.Message)
	}
	if gen.Digest() != r.state.vendors {
		r.note(kindVendorsLoaded, body)
	}
	for _, v := range gen.Revocations() {
		if !r.state.revoked[revokedKey(v.Vendor, v.Signer)] {
			r.note(kindRevoked, revokedBody{Vendor: v.Vendor, Signer: v.Signer, Reason: v.Reason, Since: v.Time})
			r.log.Warn("revoked", "vendor", v.Vendor, "signer", v.Signer, "reason", v.Reason)
		}
	}
}

// forgetRefusals lets everything that trust refused be looked at again.
func (r *Runner) forgetRefusals() {
	for sub, w := range r.waiting {
		if w.refusal != nil {
			delete(r.waiting, sub)
		}
	}
	clear(r.dropins)
}

// endUntrusted follows a change of trust at once. What waits is refused now,
// not when its turn comes; what is frozen or can be paused is ended; what
// cannot be paused is left to finish, because half an install helps nobody.
func (r *Runner) endUntrusted(ctx context.Context) {
	for _, a := range r.active.list() {
		u, up, at, ok := r.state.get(a.subject)
		pkg := r.packages[a.Updater]
		if !ok || pkg == nil || !a.isFrozen() && !a.Pausable {
			continue
		}
		if _, _, err := r.check(ctx, candidate{subject: a.subject, u: u, up: up, at: at}, pkg); err != nil {
			r.log.Warn("ending what is no longer vouched for", "updater", a.Updater, "action", a.Action, "code", trust.Code(err))
			r.end(a, "no longer trusted")
		}
	}
	for _, w := range r.waiting {
		pkg := r.packages[w.Updater]
		if pkg == nil || w.refusal != nil {
			continue
		}
		// Asked as a scan: whether anybody vouches, not whether what the step
		// needs is there yet.
		if _, _, err := r.trust.Check(ctx, pkg, actionScan, nil, nil); err != nil {
			r.refuse(w.candidate, pkg, w.decision, err)
		}
	}
}

func decodeBody(rec journal.Record, into any) error { return json.Unmarshal(rec.Body, into) }
