package runner

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/lullhq/lull/runner/execute"
	"github.com/lullhq/lull/trust"
)

// scanEnded reads what a scan printed and has trust admit the signed update
// documents it names, off the loop; then it journals the list.
func (r *Runner) scanEnded(a *action, res execute.Result) {
	pkg := r.packages[a.Updater]
	found, err := ParseScan(res.Output)
	if err != nil || pkg == nil {
		if err == nil {
			err = fmt.Errorf("updater %s was unregistered meanwhile", a.Updater)
		}
		res.Outcome, res.Message = execute.Failed, err.Error()
		r.finish(a, res)
		return
	}
	r.busy[a.Updater] = "reading the scan"
	r.background(func() {
		entries, refused := r.admitDocuments(pkg, found, r.stageDir(a.subject))
		r.post(func() {
			delete(r.busy, a.Updater)
			for _, b := range refused {
				r.note(kindRefused, b)
				r.log.Warn("refused an update", "updater", b.Updater, "update", b.Update, "code", b.Code, "err", b.Error)
			}
			r.finish(a, res)
			r.scanned(a.Updater, entries)
		})
	})
}

// admitDocuments has trust verify each named document. An update whose
// document does not verify is left out and reported: it cannot be installed,
// and one bad entry must not hide the others.
func (r *Runner) admitDocuments(pkg *trust.Package, found ScanResult, stage string) (entries []scannedEntry, refused []refusedBody) {
	for _, su := range found.Updates {
		digest, err := r.admitDocument(pkg, su, stage)
		if err != nil {
			refused = append(refused, refusedBody{
				subject: subject{Updater: pkg.ID, Update: su.ID}, Stage: "scan", Code: trust.Code(err), Error: err.Error(), Package: pkg.Digest,
			})
			continue
		}
		e := scannedEntry{ScanUpdate: su, Document: digest}
		if e.Step = nextStep(pkg.Manifest, e, ""); e.Step != "" {
			entries = append(entries, e)
		}
	}
	return entries, refused
}

// admitDocument returns the digest of the update's signed document, "" when it
// names none.
func (r *Runner) admitDocument(pkg *trust.Package, su ScanUpdate, stage string) (string, error) {
	if !r.mayRestart(pkg, su.Restart) {
		return "", fmt.Errorf("it asks for a restart of kind %s, which the vendor's scope does not allow", su.Restart)
	}
	if su.Document == "" {
		return "", nil
	}
	doc, err := r.trust.AdmitUpdate(context.Background(), pkg, stage, su.Document)
	if err != nil {
		return "", err
	}
	if doc.ID != su.ID || doc.Version != su.Version {
		return "", fmt.Errorf("the signed document is for %s %s, the scan says %s %s", doc.ID, doc.Version, su.ID, su.Version)
	}
	return doc.Digest, nil
}

// scanned journals the list of pending updates, after saying which earlier
// ones it replaces.
func (r *Runner) scanned(id string, entries []scannedEntry) {
	u := r.state.updaters[id]
	if u == nil {
		return
	}
	listed := map[string]bool{}
	for _, e := range entries {
		listed[e.ID] = true
	}
	for _, old := range u.order {
		up := u.updates[old]
		if listed[old] || (up.phase != phasePending && up.phase != phaseFailed) {
			continue
		}
		r.note(kindSuperseded, supersededBody{subject: subject{Updater: id, Update: old}})
	}
	r.note(kindScanned, scannedBody{Updater: id, Updates: entries})
}

// considerAdmit copies the artifacts of a finished download into the store,
// while hashing, once no process of the download is left. It is lull's own
// work, so no policy is asked, but an updater on hold stays untouched.
func (r *Runner) considerAdmit(ctx context.Context, c candidate) time.Time {
	if c.at.retryAt.After(r.now()) || c.u.isHeld(r.now()) {
		return c.at.retryAt
	}
	r.busy[c.Updater] = "storing what was downloaded"
	pkg := r.packages[c.Updater]
	entry, failures := c.up.scannedEntry, c.at.failures
	r.background(func() {
		arts, err := r.admitArtifacts(ctx, pkg, entry, r.stageDir(c.subject))
		r.post(func() {
			delete(r.busy, c.Updater)
			if err != nil {
				r.refuseArtifacts(c.subject, pkg, failures, err)
				return
			}
			_, err := r.record(kindVerified, verifiedBody{
				subject: c.subject, Package: pkg.Digest, Document: entry.Document, Artifacts: arts.Digest,
				Next: nextStep(pkg.Manifest, entry, stepAdmit), Signer: pkg.Signer,
			})
			if err == nil {
				os.RemoveAll(r.stageDir(c.subject)) // the store has its own copy
			}
		})
	})
	return time.Time{}
}

func (r *Runner) admitArtifacts(ctx context.Context, pkg *trust.Package, e scannedEntry, stage string) (*trust.Artifacts, error) {
	var doc *trust.Update
	if e.Document != "" {
		var err error
		if doc, err = r.trust.Update(e.Document); err != nil {
			return nil, err
		}
	}
	return r.trust.AdmitArtifacts(ctx, pkg, doc, stage)
}

// refuseArtifacts throws away what was fetched: it is not what was signed. It
// is fetched again later, as often as the manifest's retries allow.
func (r *Runner) refuseArtifacts(sub subject, pkg *trust.Package, failures int, err error) {
	sub.Action = actionDownload
	body := refusedBody{subject: sub, Stage: "artifacts", Code: trust.Code(err), Error: err.Error(), Package: pkg.Digest}
	if when, more := backoff(pkg.Manifest, failures+1, r.now()); more {
		body.RetryAt = when.Format(time.RFC3339Nano)
	}
	if _, err := r.record(kindRefused, body); err != nil {
		return
	}
	os.RemoveAll(r.stageDir(sub))
	r.log.Warn("refused what was downloaded", "updater", sub.Updater, "update", sub.Update, "code", body.Code, "err", body.Error)
}

// scheduleRestart notes that the update waits for the next boot. lull itself
// never restarts the machine.
func (r *Runner) scheduleRestart(c candidate) {
	r.note(kindRestartScheduled, restartBody{subject: c.subject, Restart: c.up.ScanUpdate.Restart, Boot: r.boot})
}

// resumeRestarted moves on the updates whose boot has come.
func (r *Runner) resumeRestarted() {
	for _, u := range r.state.sorted() {
		m := r.manifestOf(u)
		for _, id := range u.order {
			up := u.updates[id]
			if up.phase != phaseRestart || up.bootOfEnd == r.boot || m == nil {
				continue
			}
			r.note(kindFinished, finishedBody{
				subject: subject{Updater: u.Updater, Update: id, Action: actionRestart}, Outcome: "succeeded",
				Message: "the machine was restarted", Next: nextStep(m, up.scannedEntry, actionRestart),
			})
		}
	}
}
