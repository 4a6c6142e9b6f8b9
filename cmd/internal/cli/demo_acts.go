package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/facts"
	"github.com/lullhq/lull/runner"
	"github.com/lullhq/lull/runner/control"
	"github.com/lullhq/lull/runner/journal"
	"github.com/lullhq/lull/trust"
)

// demoFacts are the facts that a newcomer should see first.
var demoFacts = []string{"presence.idle_seconds", "presence.locked", "power.on_ac", "cpu.cores", "storage.rotational", "storage.io_queue_depth", "storage.free_bytes", "network.online"}

// showFacts reads the machine.
func (d *demo) showFacts(ctx context.Context) error {
	d.chapter("1. Facts: what is true of this machine now")
	g, err := facts.New(facts.Options{LocalDir: d.paths.FactsLocal, LocalTypes: d.paths.FactTypes})
	if err != nil {
		return err
	}
	defer g.Close()
	list := factEntries(g.Snapshot(ctx, nil, facts.Target{Path: d.root}), nil, demoFacts)
	var rows [][]string
	for _, e := range list {
		value, from := quantity(e.Value, e.Unit), e.Source
		if e.State != string(facts.Known) {
			value, from = d.s.yellow(strings.ReplaceAll(e.State, "_", " ")), e.Why
		}
		rows = append(rows, []string{"  " + e.ID, value, d.s.faint(from)})
	}
	d.s.table(rows...)
	d.item("%s", d.s.faint("Unknown never counts as yes. lull facts shows all."))
	return nil
}

// makeVendor creates the vendor and lets the administrator trust it.
func (d *demo) makeVendor(ctx context.Context) error {
	d.chapter("2. A vendor signs an updater")
	if err := d.vendor.open(ctx); err != nil {
		return fmt.Errorf("make the sample vendor: %w", err)
	}
	if err := copyInto(filepath.Join(d.vendorDir(), "example.pub"), d.vendor.pub); err != nil {
		return err
	}
	if err := writeText(filepath.Join(d.vendorDir(), "example.yaml"), demoVendorFile(time.Now().AddDate(1, 0, 0))); err != nil {
		return err
	}
	d.item("key and package made, manifest.json signed; an update of %s, stated by a signed document", size(demoBytes))
	d.item("the administrator trusts it for com.example.* and for writing below /opt/hello, no more:")
	d.item("  %s", d.s.faint(d.show(filepath.Join(d.vendorDir(), "example.yaml"))))
	return nil
}

// show is a path as a person reads it in the demo.
func (d *demo) show(path string) string {
	if rest, ok := strings.CutPrefix(path, d.dir+"/"); ok {
		return rest
	}
	return path
}

// register hands the package to the daemon.
func (d *demo) register(ctx context.Context) error {
	d.chapter("3. Registered with the running daemon")
	st, err := d.client.Status(ctx)
	if err != nil {
		return err
	}
	d.item("confinement on this machine: %s; memory limit: %s", orNone(st.Sandbox.Layers), st.Sandbox.Memory)
	reg, err := sendPackage(ctx, d.client, d.vendor.pkg())
	if err != nil {
		return fmt.Errorf("register the sample updater: %w", err)
	}
	d.item("%s  %s %s, every byte hashed into the store (manifest %s)", d.s.green("accepted"), reg.ID, reg.Version, short(reg.Digest))
	return nil
}

// update follows the sample update from its scan until it is installed. What
// stands in the way is shown, and then cleared as an administrator would: by
// editing two data files.
func (d *demo) update(ctx context.Context) error {
	d.chapter("4. Decisions: the shipped policies, this machine, now")
	told := &teller{d: d}
	for ctx.Err() == nil {
		if err := told.catchUp(ctx); err != nil {
			return err
		}
		u, err := d.client.Updater(ctx, demoUpdater)
		if err != nil {
			return err
		}
		if done, err := d.ended(u); done {
			return err
		}
		if err := d.step(ctx, u); err != nil {
			return err
		}
		pause(ctx, 60*time.Millisecond)
	}
	return ctx.Err()
}

// ended reports whether the update came to an end, good or bad.
func (d *demo) ended(u control.Updater) (bool, error) {
	for _, up := range u.Updates {
		switch up.State {
		case control.Installed:
			d.item("%s  %s %s", d.s.green("installed"), up.Title, up.Version)
			return true, nil
		case control.Failed, control.NeedsAttention:
			return true, fmt.Errorf("the sample update is %s: %s", up.State, up.Why)
		}
	}
	return false, nil
}

// step looks at what comes next: it shows progress, or clears what waits.
func (d *demo) step(ctx context.Context, u control.Updater) error {
	it := u.Current
	if it == nil {
		return nil
	}
	if it.Attempt > 2 {
		return fmt.Errorf("the sample %s failed twice; its log is below %s", it.Action, filepath.Join(d.paths.State, "updaters"))
	}
	switch it.State {
	case control.Running:
		if p := it.Progress; p != nil && p.Total > 0 {
			d.s.progress("  %s %s %3.0f %%", it.Action, bar(p.Current, p.Total, 24), 100*p.Current/p.Total)
		}
	case control.Denied:
		return fmt.Errorf("the sample %s is denied: %s %s", it.Action, strings.Join(it.DeniedBy, ", "), it.Error)
	case control.Waiting:
		w, err := d.client.Why(ctx, demoUpdater, "")
		if err != nil || w.Action != it.Action || len(w.Unmet) == 0 {
			return err
		}
		if onlyRetry(w) {
			return nil
		}
		return d.clear(ctx, w)
	}
	return nil
}

// onlyRetry reports whether time alone, and little of it, clears the wait.
func onlyRetry(w control.Why) bool { return len(w.Unmet) == 1 && passes(w.Unmet[0].Condition) }

// passes reports whether a condition clears by itself: a retry that comes due,
// or a decision that a busy machine could not finish in time.
func passes(condition string) bool {
	return slices.Contains([]string{"retry", engine.PolicyTimeout}, condition)
}

// clear shows a wait and edits the policies so that it ends.
func (d *demo) clear(ctx context.Context, w control.Why) error {
	d.waited = true
	d.item("%s %s", d.s.bold(w.Action), d.s.yellow("waits"))
	var changed []edit
	for _, u := range w.Unmet {
		d.item("  %-15s %s", u.Condition, u.Title)
		for _, o := range d.news(u.Observed) {
			d.item("    %s", d.s.faint(o))
		}
		if !passes(u.Condition) {
			changed = append(changed, d.edits.clear(w.Action, u.Condition, unknown(u)))
		}
	}
	d.item("an administrator who does not care about this edits, in this root:")
	for _, e := range changed {
		d.item("  %s  %s", d.s.cyan("+ "+e.line), d.s.faint(e.file))
	}
	return d.reload(ctx)
}

// news are the observed facts that the demo has not shown yet.
func (d *demo) news(observed []string) (list []string) {
	for _, o := range observed {
		if strings.HasPrefix(o, "facts.") && !d.shown[o] {
			d.shown[o] = true
			list = append(list, strings.TrimPrefix(o, "facts."))
		}
	}
	return list
}

// unknown reports whether a condition is unmet because a fact is not known,
// which no threshold changes.
func unknown(u control.Unmet) bool {
	return slices.ContainsFunc(u.Observed, func(o string) bool { return strings.Contains(o, "unknown") || strings.Contains(o, "not applicable") })
}

// reload writes the edits and waits until the daemon decides by them.
func (d *demo) reload(ctx context.Context) error {
	before, err := d.client.Policy(ctx)
	if err != nil {
		return err
	}
	if err := d.edits.write(); err != nil {
		return err
	}
	saved := time.Now()
	for pause(ctx, 10*time.Millisecond) {
		now, err := d.client.Policy(ctx)
		if err != nil {
			return err
		}
		if now.Rejected != "" {
			return fmt.Errorf("the demo's own edit was rejected: %s", strings.Join(now.Problems, "; "))
		}
		if now.Digest != before.Digest {
			d.item("saved and in force after %d ms, without a restart", time.Since(saved).Milliseconds())
			return nil
		}
	}
	return ctx.Err()
}

// reloadAnyway makes a decision change on a machine so calm that nothing ever
// waited: a scan is made to need a day of absence, then none.
func (d *demo) reloadAnyway(ctx context.Context) error {
	if d.waited {
		return nil
	}
	d.item("nothing was in the way on this machine; now an administrator asks for a day of absence:")
	d.item("  %s", d.s.cyan("+ "+d.edits.turn("idle_seconds: {scan: {standard: 86400, limited: 86400, constrained: 86400}}").line))
	if err := d.reload(ctx); err != nil {
		return err
	}
	if _, err := d.client.Do(ctx, "scan", demoUpdater, control.Request{}); err != nil {
		return err
	}
	for pause(ctx, 50*time.Millisecond) {
		w, err := d.client.Why(ctx, demoUpdater, "")
		if err != nil {
			return err
		}
		if len(w.Unmet) > 0 {
			d.item("scan %s for %s", d.s.yellow("waits"), w.Unmet[0].Condition)
			d.edits.thresholds = nil
			return d.reload(ctx)
		}
	}
	return ctx.Err()
}

// checkInstalled reads back what the updater installed.
func (d *demo) checkInstalled(context.Context) error {
	d.chapter("5. What is on the disk now")
	file := filepath.Join(d.installDir(), demoFile)
	got, err := fileDigest(file)
	if err != nil {
		return err
	}
	if got != d.vendor.digest {
		return fmt.Errorf("%s has sha256 %s, the vendor signed %s", file, got, d.vendor.digest)
	}
	d.item("%s  %s", d.show(file), size(demoBytes))
	d.item("sha256 %s… is %s what the vendor's signed document states", short(got), d.s.green("exactly"))
	return nil
}

// refusals offers what must never run.
func (d *demo) refusals(ctx context.Context) error {
	d.chapter("6. What lull refuses")
	bad := filepath.Join(d.dir, "tampered")
	if err := d.vendor.pack(ctx, bad, "1.1.0", d.vendor.key); err != nil {
		return err
	}
	if err := flipByte(filepath.Join(bad, "bin", sampleName())); err != nil {
		return err
	}
	if err := d.refused(ctx, "one byte of the program changed after signing", bad, "digest_mismatch"); err != nil {
		return err
	}
	foreign, _, err := trust.GenerateKey(d.dir, "foreign", nil)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(bad); err != nil {
		return err
	}
	if err := d.vendor.pack(ctx, bad, "1.1.0", foreign); err != nil {
		return err
	}
	return d.refused(ctx, "signed by somebody else's key", bad, "untrusted_signer")
}

// refused registers a package that must not get in.
func (d *demo) refused(ctx context.Context, what, dir, code string) error {
	reg, err := sendPackage(ctx, d.client, dir)
	if err == nil {
		return fmt.Errorf("lull accepted %s %s although it is %s", reg.ID, reg.Version, what)
	}
	var e *control.Error
	if !errors.As(err, &e) || e.Code != control.CodeUntrusted {
		return fmt.Errorf("a package %s: want a refusal by trust (%s), got: %w", what, code, err)
	}
	d.item("%s  %s", d.s.red("refused"), what)
	d.item("  %s", d.s.faint(firstLine(e.Message)))
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// flipByte changes one byte in the middle of a file.
func flipByte(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := []byte{0}
	if _, err := f.ReadAt(b, info.Size()/2); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b, info.Size()/2)
	return err
}

// summary reads the journal that is left when the daemon has stopped.
func (d *demo) summary(ctx context.Context) error {
	d.chapter("7. The journal: everything above, chained and signed")
	h, err := runner.ReadHistory(ctx, d.paths, control.HistoryQuery{Limit: control.MaxHistory})
	if err != nil {
		return err
	}
	for _, raw := range h.Records {
		var r journal.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		if slices.Contains([]string{"registered", "scanned", "finished", "refused", "policy_loaded"}, r.Kind) {
			d.item("%s", firstColumns(recordLine(d.s, raw), 150))
		}
	}
	rep, err := journal.Verify(d.paths.State)
	if err != nil {
		return err
	}
	d.item("%d records, chain verified, %d checkpoints signed", rep.Records, rep.Checkpoints)
	d.chapter("Next")
	d.item("lull policy list        the conditions and thresholds you can turn")
	d.item("lull facts              all facts, and why some are unknown")
	d.item("README.md               a five-minute tour with a vendor of your own")
	return nil
}

// firstColumns cuts a line that is too long to read.
func firstColumns(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

// teller tells what the journal says has happened since it was last asked.
type teller struct {
	d    *demo
	next uint64
}

func (t *teller) catchUp(ctx context.Context) error {
	h, err := t.d.client.History(ctx, control.HistoryQuery{From: t.next, Limit: control.MaxHistory})
	if err != nil {
		return err
	}
	for _, raw := range h.Records {
		var r journal.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		t.next = r.Seq + 1
		t.tell(r)
	}
	return nil
}

// tell prints what a newcomer wants to hear of a record.
func (t *teller) tell(r journal.Record) {
	var b recordBody
	if json.Unmarshal(r.Body, &b) != nil {
		return
	}
	s := t.d.s
	switch r.Kind {
	case "scanned":
		t.d.item("%s found %d update", s.green("scan"), len(b.Updates))
	case "verified":
		t.d.item("%s the download is what the vendor signed; copied into the store", s.green("verified"))
	case "started":
		t.d.item("%s %s, signature checked again, decided again, then started", s.cyan("run"), b.Action)
	case "finished":
		t.d.item("%s %s: %s", s.green("done"), b.Action, strings.TrimSpace(b.detail(r.Kind)))
	case "refused", "needs_attention", "interrupted":
		t.d.item("%s %s %s", s.red(r.Kind), b.Action, b.detail(r.Kind))
	}
}
