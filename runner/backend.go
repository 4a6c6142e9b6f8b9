package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/config"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
)

// backend answers the control server. Whatever touches state runs on the loop.
type backend struct{ r *Runner }

var errStopping = &control.Error{Code: control.CodeUnavailable, Message: "the daemon is stopping"}

// on runs f on the loop.
func (b *backend) on(f func()) error {
	if !b.r.do(f) {
		return errStopping
	}
	return nil
}

// onSettled is on, once what is new has been decided on.
func (b *backend) onSettled(f func()) error {
	if !b.r.doSettled(f) {
		return errStopping
	}
	return nil
}

// Status is everything at a glance.
func (b *backend) Status(ctx context.Context) (s control.Status, err error) {
	return s, b.onSettled(func() { b.r.refresh(ctx); s = b.r.status() })
}

// Facts are gathered now, all that this machine can tell.
func (b *backend) Facts(ctx context.Context) (control.Facts, error) {
	snap := b.r.facts.Snapshot(ctx, nil, facts.Target{Path: b.r.paths.State})
	return control.Facts{At: snap.At(), Facts: snap.Facts(), Meta: snap.Meta()}, nil
}

// Register admits a package and gives it authority.
func (b *backend) Register(ctx context.Context, tar io.Reader) (control.Registered, error) {
	// Whoever adds a vendor and registers at once need not wait for the watcher.
	if err := b.on(b.r.loadVendors); err != nil {
		return control.Registered{}, err
	}
	pkg, err := b.r.trust.AdmitTar(ctx, tar)
	if err != nil {
		_ = b.on(func() { b.r.refuseRegistration("", err) })
		return control.Registered{}, apiError(err)
	}
	var res registered
	if e := b.on(func() { res, err = b.r.accept(pkg, sourceCommand, "") }); e != nil {
		return control.Registered{}, e
	}
	if err != nil {
		return control.Registered{}, apiError(err)
	}
	return control.Registered{
		ID: pkg.ID, Vendor: pkg.Vendor, Version: pkg.Version, Digest: pkg.Digest,
		Previous: res.previous, Unchanged: res.unchanged,
	}, nil
}

// Unregister drops an updater.
func (b *backend) Unregister(_ context.Context, id string) (control.Done, error) {
	var err error
	if e := b.on(func() { err = b.r.unregister(id, "an operator asked for it") }); e != nil {
		return control.Done{}, e
	}
	return done(err, "unregistered %s; what it installed stays", id)
}

func done(err error, format string, args ...any) (control.Done, error) {
	if err != nil {
		return control.Done{}, apiError(err)
	}
	return control.Done{Message: fmt.Sprintf(format, args...)}, nil
}

// apiError gives an error its code and, where one helps, a hint.
func apiError(err error) error {
	var (
		unknown *unknownError
		busy    *busyError
		te      *trust.Error
		ready   *control.Error
	)
	switch {
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &unknown):
		return &control.Error{Code: control.CodeUnknown, Message: err.Error()}
	case errors.As(err, &busy):
		return &control.Error{Code: control.CodeBusy, Message: err.Error()}
	case errors.As(err, &te):
		bare := *te
		bare.Remedy = ""
		return &control.Error{Code: control.CodeUntrusted, Message: fmt.Sprintf("%s (%s)", bare.Error(), trust.Code(err)), Hint: te.Remedy}
	}
	return err
}

// Do carries out a verb.
func (b *backend) Do(_ context.Context, verb, id string, req control.Request) (out control.Done, err error) {
	e := b.on(func() {
		u := b.r.state.updaters[id]
		if u == nil {
			err = errUnknownUpdater(id)
			return
		}
		if req.Update != "" && u.updates[req.Update] == nil {
			err = &unknownError{id: id, update: req.Update}
			return
		}
		var said string
		said, err = verbs[verb](b.r, u, req)
		out = control.Done{Message: said}
	})
	if e != nil {
		return out, e
	}
	if err != nil {
		return control.Done{}, apiError(err)
	}
	return out, nil
}

var verbs = map[string]func(*Runner, *updater, control.Request) (string, error){
	"scan":      (*Runner).askScan,
	"uninstall": (*Runner).askUninstall,
	"retry":     (*Runner).askRetry,
	"hold":      (*Runner).askHold,
	"unhold":    (*Runner).askUnhold,
	"approve":   (*Runner).askApprove,
}

// askScan makes a scan due now. The policy still decides when it runs.
func (r *Runner) askScan(u *updater, _ control.Request) (string, error) {
	_, err := r.record(kindRetried, retriedBody{subject{Updater: u.Updater, Action: actionScan}, "an operator asked for a scan"})
	return fmt.Sprintf("a scan of %s is due; lull why %s tells what it waits for", u.Updater, u.Updater), err
}

func (r *Runner) askUninstall(u *updater, _ control.Request) (string, error) {
	m := r.manifestOf(u)
	if m == nil || m.Actions[actionUninstall].Exec == nil {
		return "", &control.Error{Code: control.CodeUsage, Message: u.Updater + " has no uninstall action"}
	}
	_, err := r.record(kindRetried, retriedBody{subject{Updater: u.Updater, Action: actionUninstall}, "an operator asked for it"})
	return fmt.Sprintf("%s is to be uninstalled; lull why %s tells what it waits for", u.Updater, u.Updater), err
}

// askRetry clears back-offs, failures and needs for attention.
func (r *Runner) askRetry(u *updater, req control.Request) (string, error) {
	count := 0
	for _, id := range u.order {
		up := u.updates[id]
		stuck := up.phase == phaseFailed || up.phase == phaseAttention || up.phase == phasePending && !up.attempts.retryAt.IsZero()
		if !stuck || req.Update != "" && req.Update != id {
			continue
		}
		if _, err := r.record(kindRetried, retriedBody{subject{Updater: u.Updater, Update: id, Action: up.step}, "an operator asked for it"}); err != nil {
			return "", err
		}
		count++
	}
	if req.Update == "" && (!u.scan.retryAt.IsZero() || u.scan.attention != "") {
		if _, err := r.askScan(u, req); err != nil {
			return "", err
		}
		count++
	}
	if count == 0 {
		return "nothing of " + u.Updater + " waits for a retry", nil
	}
	r.forgetRefusals()
	return fmt.Sprintf("%s may try again", u.Updater), nil
}

func (r *Runner) askHold(u *updater, req control.Request) (string, error) {
	_, err := r.record(kindHeld, heldBody{u.Updater, req.Until, req.By})
	if req.Until != nil {
		return fmt.Sprintf("%s is on hold until %s", u.Updater, req.Until.Format(time.RFC3339)), err
	}
	return fmt.Sprintf("%s is on hold until lull unhold %s", u.Updater, u.Updater), err
}

func (r *Runner) askUnhold(u *updater, req control.Request) (string, error) {
	if u.held == nil {
		return u.Updater + " is not on hold", nil
	}
	_, err := r.record(kindUnheld, heldBody{Updater: u.Updater, By: req.By})
	return u.Updater + " is no longer on hold", err
}

// approvalHolds is how long an approval waives soft conditions, CONTRACTS
// section 6.
const approvalHolds = 24 * time.Hour

func (r *Runner) askApprove(u *updater, req control.Request) (string, error) {
	until := r.now().Add(approvalHolds)
	_, err := r.record(kindApproved, approvedBody{u.Updater, req.Update, until, req.Metered, req.By})
	what := u.Updater + "/" + req.Update
	if req.Update == "" {
		what = fmt.Sprintf("%s, its scan and its %d updates so far,", u.Updater, len(u.updates))
	}
	return fmt.Sprintf("approved until %s: %s need not wait for the soft conditions", until.Format(time.RFC3339), what), err
}

// History reads the journal's file: what is in it is on disk.
func (b *backend) History(ctx context.Context, q control.HistoryQuery) (control.History, error) {
	return ReadHistory(ctx, b.r.paths, q)
}

// ReadHistory answers a history query from the journal of paths, with or
// without a daemon. Damage ends it with a *journal.Damage beside the records
// before it.
func ReadHistory(ctx context.Context, paths config.Paths, q control.HistoryQuery) (control.History, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = control.DefaultHistory
	}
	h := control.History{Records: []json.RawMessage{}}
	for rec, err := range journal.Read(paths.State, q.From) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return h, err
		}
		if !wanted(rec, q) {
			continue
		}
		line, err := json.Marshal(rec)
		if err != nil {
			return h, err
		}
		h.Records = append(h.Records, line)
		if len(h.Records) > 2*limit { // bounded however long the journal is
			h.Records, h.More = append(h.Records[:0:0], h.Records[len(h.Records)-limit:]...), true
		}
	}
	if len(h.Records) > limit {
		h.Records, h.More = h.Records[len(h.Records)-limit:], true
	}
	return h, nil
}

func wanted(rec journal.Record, q control.HistoryQuery) bool {
	if rec.Time.Before(q.Since) || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, rec.Kind) {
		return false
	}
	if q.Updater == "" {
		return true
	}
	var body subject
	return decodeBody(rec, &body) == nil && body.Updater == q.Updater
}

// Events passes on the journal as it grows.
func (b *backend) Events(ctx context.Context, each func(json.RawMessage) error) error {
	c := make(chan journal.Record, 256)
	if err := b.on(func() { b.r.events[c] = true }); err != nil {
		return err
	}
	defer b.r.do(func() { delete(b.r.events, c) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case rec := <-c:
			line, err := json.Marshal(rec)
			if err != nil {
				return err
			}
			if err := each(line); err != nil {
				return err
			}
		}
	}
}

// warnings are what an operator should know without asking.
func (r *Runner) warnings() (list []string) {
	if os.Geteuid() != 0 {
		list = append(list, "lull does not run as root: the updaters run as the same user, who could change what was verified; this is for trying only")
	}
	layers, memory := r.exec.Layers()
	for _, want := range []string{"landlock", "seccomp"} {
		if !strings.Contains(strings.Join(layers, " "), want) {
			list = append(list, "this system offers no "+want+": updaters run less confined")
		}
	}
	if memory == "none" {
		list = append(list, "memory of updaters cannot be bounded here")
	}
	for id, why := range r.broken {
		list = append(list, fmt.Sprintf("%s cannot be loaded from the store: %s", id, why))
	}
	return append(list, r.expiring()...)
}

// expiring tells what ends within the next weeks.
func (r *Runner) expiring() (list []string) {
	for _, e := range r.trust.Expiring(trust.ExpiryNotice, slices.Collect(maps.Values(r.packages))...) {
		what := e.What
		if e.Vendor != "" {
			what += " of vendor " + e.Vendor
		}
		list = append(list, fmt.Sprintf("%s ends on %s: %s", what, e.At.Format(time.DateOnly), e.Remedy))
	}
	return list
}
