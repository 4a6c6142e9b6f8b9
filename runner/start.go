package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner/execute"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
)

// record appends to the journal, folds the record into the state and passes
// it to whoever watches. An error means that nothing was promised: the caller
// must not do what the record announces.
func (r *Runner) record(kind string, body any) (journal.Record, error) {
	rec, err := r.journal.Append(kind, body)
	if err != nil {
		r.log.Error("could not write the journal", "kind", kind, "err", err)
		return rec, fmt.Errorf("write the journal: %w", err)
	}
	if err := r.state.apply(rec); err != nil {
		return rec, err
	}
	for c := range r.events {
		select {
		case c <- rec:
		default: // a watcher that does not read misses records; history has them
		}
	}
	return rec, nil
}

// note is record for what has happened already: when it cannot be written, that
// is logged, and there is nothing to hold back.
func (r *Runner) note(kind string, body any) {
	if _, err := r.record(kind, body); err != nil {
		r.log.Error("something happened that the journal does not show", "kind", kind, "err", err)
	}
}

// start writes "started" and then starts the program. The two decisions and
// trust's check lie behind it: without sure nothing starts, and v is the only thing
// that can name a program.
func (r *Runner) start(ctx context.Context, c candidate, pkg *trust.Package, v *trust.Verified, sure *engine.Confirmed, snap facts.Snapshot) {
	d, s := sure.Decision(), specOf(pkg.Manifest, c.Action)
	attempt := c.at.tries + 1
	id := attemptID(c.subject, attempt, r.now().UnixNano())
	dirs, err := r.prepareDirs(c)
	if err != nil {
		r.wait(c, engine.Decision{Verdict: engine.Wait, WaitsFor: []string{"state_directory"}, DeniedBy: []string{}, Error: err.Error()},
			snap, r.now().Add(fallbackCheck), true)
		return
	}
	body := startedBody{
		subject: c.subject, ID: id, Attempt: attempt, Idempotent: s.idempotent, Pausable: s.pausable, Package: pkg.Digest,
		Signer: pkg.Signer, Policy: d.PolicyDigest, Facts: snap.Facts(), Decision: d, Layers: r.layers(),
	}
	if c.up != nil {
		body.Document, body.Artifacts = c.up.Document, c.up.artifacts
	}
	if _, err := r.record(kindStarted, body); err != nil {
		r.wait(c, engine.Decision{Verdict: engine.Wait, WaitsFor: []string{"journal"}, DeniedBy: []string{}, Error: err.Error()},
			snap, r.now().Add(fallbackCheck), true)
		return
	}
	delete(r.waiting, c.subject)
	proc, err := r.exec.Start(context.WithoutCancel(ctx), r.execSpec(c, s, pkg, v, id, attempt, d, dirs))
	if err != nil {
		r.ended(&action{startedBody: body}, execute.Result{Outcome: execute.Failed, ExitCode: -1, Message: "could not start: " + err.Error()})
		return
	}
	r.follow(&action{startedBody: body, proc: proc, snap: snap, began: r.now(), obligations: d.Obligations})
}

// follow makes a started or adopted process one of the active ones and waits
// for its end.
func (r *Runner) follow(a *action) {
	r.active.add(a)
	r.keepAwake()
	r.glance(context.Background(), a)
	go a.listen()
	go func() {
		res := a.proc.Wait()
		r.post(func() { r.ended(a, res) })
	}()
}

func (r *Runner) layers() []string {
	l, _ := r.exec.Layers()
	return l
}

// attemptID names one attempt: stable in length, safe as a file name, and
// different for each attempt ever made.
func attemptID(sub subject, attempt int, nanos int64) string {
	sum := sha256.Sum256([]byte(sub.Updater + "\x00" + sub.Update + "\x00" + sub.Action + "\x00" +
		strconv.Itoa(attempt) + "\x00" + strconv.FormatInt(nanos, 10)))
	return hex.EncodeToString(sum[:10])
}

// workDirs are the directories that one attempt may write.
type workDirs struct{ state, stage, log string }

// prepareDirs makes the updater's directories. Staging starts empty, so that an
// install finds nothing but the verified artifacts; only a repeated download
// finds what it had fetched so far.
func (r *Runner) prepareDirs(c candidate) (workDirs, error) {
	base := r.updaterDir(c.Updater)
	d := workDirs{state: filepath.Join(base, "state"), stage: r.stageDir(c.subject), log: filepath.Join(base, "log", logName(c.subject))}
	if c.Action != actionDownload || c.at.tries == 0 {
		if err := os.RemoveAll(d.stage); err != nil {
			return d, fmt.Errorf("empty the staging directory: %w", err)
		}
	}
	for _, dir := range []string{d.state, d.stage, filepath.Dir(d.log)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return d, fmt.Errorf("make a directory of the updater: %w", err)
		}
	}
	return d, nil
}

func (r *Runner) updaterDir(id string) string { return filepath.Join(r.paths.State, "updaters", id) }

// stageDir is where an action leaves what it fetched: one for scans, one for
// each update.
func (r *Runner) stageDir(sub subject) string {
	name := "scan"
	if sub.Update != "" {
		name = "update-" + sub.Update
	}
	return filepath.Join(r.updaterDir(sub.Updater), "stage", name)
}

func logName(sub subject) string {
	if sub.Update == "" {
		return sub.Action + ".log"
	}
	return sub.Update + "." + sub.Action + ".log"
}

const (
	defaultMaxSeconds = 1800    // where a manifest states no time limit
	logLimit          = 1 << 20 // bytes kept of an action's own output
)

func (r *Runner) execSpec(c candidate, s spec, pkg *trust.Package, v *trust.Verified, id string, attempt int, d engine.Decision, dirs workDirs) execute.Spec {
	limit := int64(defaultMaxSeconds)
	if s.maxSeconds > 0 {
		limit = s.maxSeconds
	}
	if o := int64(d.Obligations.MaxSeconds); o > 0 && (s.maxSeconds == 0 || o < limit) {
		limit = o
	}
	m := pkg.Manifest
	spec := execute.Spec{
		ID: id, Program: v, Action: c.Action, Update: c.Update, Attempt: attempt, Updater: c.Updater,
		Env: r.actionEnv(c), StateDir: dirs.state, StageDir: dirs.stage, LogFile: dirs.log, LogLimit: logLimit,
		Network: s.requiresNetwork, MaxSeconds: int(limit), MemoryBytes: m.Sandbox.MemoryBytes, Tasks: m.Sandbox.Tasks,
		CPU: execute.Impact(d.Obligations.CPU), IO: execute.Impact(d.Obligations.IO), Lang: r.cfg.Load().Language, Idempotent: s.idempotent, Require: required(r.layers(), s.requiresNetwork),
	}
	if c.Action == actionScan {
		spec.OutputLimit = MaxScanBytes
	} else if c.Action != actionDownload {
		for _, w := range m.Sandbox.Write {
			spec.Write = append(spec.Write, r.paths.Host(w))
		}
	}
	return spec
}

// required are the layers that the decision was taken on and that the program
// must not start without. One that asks for the network keeps it.
func required(layers []string, network bool) []string {
	return slices.DeleteFunc(slices.Clone(layers), func(l string) bool { return network && l == "net" })
}

// actionEnv is what an updater is told beyond the fixed environment: the
// administrator's proxy, certificates and language, and its own opaque state.
func (r *Runner) actionEnv(c candidate) []string {
	var env []string
	add := func(k, v string) {
		if v != "" {
			env = append(env, k+"="+v)
		}
	}
	add("http_proxy", r.cfg.Load().Proxy)
	add("https_proxy", r.cfg.Load().Proxy)
	add("no_proxy", r.cfg.Load().NoProxy)
	add("SSL_CERT_FILE", r.cfg.Load().CAFile)
	if c.up != nil {
		add("LULL_UPDATE_VERSION", c.up.Version)
		add("LULL_UPDATE_STATE", string(c.up.State))
	}
	return env
}
