package runner

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/lullhq/lull/trust"
)

// rootsID names lull's own action of confirming the trusted roots of keyless
// signatures. It has no dot, so no vendor's updater can have it. To the policy
// it is a scan that needs the network: what lets those run lets this run.
const rootsID = "trust-roots"

var rootsPackage = &trust.Package{ID: rootsID, Vendor: "lull", Manifest: &trust.Manifest{
	ID: rootsID, Vendor: "lull", Component: "user_mode_app", Scan: trust.Scan{RequiresNetwork: true, MaxSeconds: int(trust.RefreshTimeout / time.Second)},
}}

// roots is what the loop knows of the trusted roots.
type roots struct {
	all  []trust.Refresher // those that can be refreshed
	self *updater          // stands for lull in a candidate
}

// rootsOf says where roots come from: unless told otherwise, the public-good
// instance of sigstore, the only one whose repository lull knows.
func (r *Runner) rootsOf(list []trust.Refresher) roots {
	if list == nil {
		list = []trust.Refresher{{Name: "public-good"}}
	}
	for i := range list {
		list[i].Dir, list[i].Cache = r.paths.StateRoots(), filepath.Join(r.paths.State, "tuf")
	}
	return roots{all: list, self: &updater{registeredBody: registeredBody{Updater: rootsID, Vendor: "lull"}}}
}

// dueRoots lists the roots that a vendor in force relies on and that should be
// confirmed now, and when the next of them should be.
func (r *Runner) dueRoots(now time.Time) (due []trust.Refresher, next time.Time) {
	used := map[string]bool{}
	gen := r.trust.Generation()
	for _, v := range gen.Vendors() {
		if _, err := gen.Vendor(v.Name); err != nil {
			continue
		}
		for _, k := range v.Keys {
			used[k.Root] = true
		}
		for _, id := range v.Identities {
			used[id.Root] = true
		}
	}
	for _, root := range r.roots.all {
		if !used[root.Name] {
			continue
		}
		at := root.NextDue(now)
		if retry := r.roots.self.scan.retryAt; retry.After(at) {
			at = retry
		}
		if at.After(now) {
			next = earlier(next, at)
		} else {
			due = append(due, root)
		}
	}
	return due, next
}

// rootsCandidate is lull's own action when it is due, for the policy to decide
// like any other.
func (r *Runner) rootsCandidate(list []candidate) ([]candidate, time.Time) {
	due, next := r.dueRoots(r.now())
	if len(due) > 0 {
		list = append(list, candidate{subject: subject{Updater: rootsID, Action: actionScan}, u: r.roots.self, at: &r.roots.self.scan})
	}
	return list, next
}

// refreshRoots goes online, off the loop. A root that changed is in force as
// soon as it is there; when nothing could be fetched, the old one stays.
func (r *Runner) refreshRoots(ctx context.Context) {
	due, _ := r.dueRoots(r.now())
	r.busy[rootsID] = "refreshing"
	r.background(func() {
		var done []rootBody
		for _, root := range due {
			changed, err := root.Refresh(ctx)
			body := rootBody{Name: root.Name, Changed: changed}
			if err != nil {
				body.Code, body.Error = trust.Code(err), err.Error()
			}
			done = append(done, body)
		}
		r.post(func() {
			delete(r.busy, rootsID)
			r.rootsRefreshed(ctx, done)
		})
	})
}

func (r *Runner) rootsRefreshed(ctx context.Context, done []rootBody) {
	at := &r.roots.self.scan
	at.retryAt, at.decided = time.Time{}, ""
	for _, body := range done {
		if ctx.Err() != nil {
			return
		}
		if body.Error != "" {
			at.retryAt = r.now().Add(refusedCheck)
			r.log.Warn("a trusted root could not be refreshed; the one in place stays in force", "root", body.Name, "err", body.Error)
		}
		r.note(kindRootRefreshed, body)
	}
	if slices.ContainsFunc(done, func(b rootBody) bool { return b.Changed }) {
		r.loadVendors()
		r.forgetRefusals()
	}
}
