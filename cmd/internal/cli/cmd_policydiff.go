package cli

import (
	"bytes"
	"cmp"
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
	"github.com/spf13/cobra"
)

// What OLD and NEW may be besides a directory.
const (
	policiesShipped = "shipped"
	policiesCurrent = "current"
)

// policyDiff is the result of lull policy diff.
type policyDiff struct {
	Old      string              `json:"old"`
	New      string              `json:"new"`
	Compared int                 `json:"compared"` // input documents decided on by both
	Recorded int                 `json:"recorded"` // of these, from facts this machine recorded
	Machines int                 `json:"machines"` // of these, from the files of --machines
	Changes  []engine.Difference `json:"changes"`
}

func (a *app) policyDiffCommand() *cobra.Command {
	since, machines := 30*24*time.Hour, ""
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "Show which decisions change between two sets of policies", Args: exactly("OLD", "NEW"),
		Long: `Decides by both sets for every kind of action on a range of machines, on the
facts that this machine has recorded where there are any, and on those of other
machines: --machines names a directory of files *.json with a member "facts", as
the input document has it. Lists what comes out differently. OLD and NEW are directories laid over the shipped
policies, "shipped" for those alone, or "current" for the ones in force.`,
		Example: "  lull policy diff current ./policies\n  lull policy diff shipped current -o json",
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.policyDiff(c.Context(), args[0], args[1], since, machines)
			if err != nil {
				return err
			}
			return a.show("PolicyDiff", d, func(s *screen) { printPolicyDiff(s, d) })
		},
	}
	c.Flags().StringVar(&machines, "machines", "", "decide on the machines in `DIR`, too")
	c.Flags().DurationVar(&since, "since", since, "how far back recorded facts count")
	return c
}

func (a *app) policyDiff(ctx context.Context, from, to string, since time.Duration, machines string) (policyDiff, error) {
	d := policyDiff{Old: from, New: to, Changes: []engine.Difference{}}
	before, err := a.policySet(ctx, from)
	if err != nil {
		return d, err
	}
	after, err := a.policySet(ctx, to)
	if err != nil {
		return d, err
	}
	inputs := map[string]*engine.Input{}
	for _, m := range typicalMachines {
		if err := addInputs(inputs, before, m.name, m.facts()); err != nil {
			return d, err
		}
	}
	typical := len(inputs)
	for name, f := range recordedMachines(a.paths().FactsLog, time.Now().Add(-since)) {
		if err := addInputs(inputs, before, name, f); err != nil {
			a.screen(a.err).line("lull: warning: left out %s: %v", name, err) // recorded by another version of lull
		}
	}
	d.Recorded = len(inputs) - typical
	others, err := machineFiles(machines)
	if err != nil {
		return d, err
	}
	for name, f := range others {
		if err := addInputs(inputs, before, name, f); err != nil {
			return d, coded(exitFailed, err, "lull policy schema prints what an input document looks like")
		}
	}
	d.Compared, d.Machines = len(inputs), len(inputs)-typical-d.Recorded
	d.Changes = append(d.Changes, engine.Diff(ctx, before, after, inputs)...)
	return d, nil
}

// policySet loads what OLD or NEW names.
func (a *app) policySet(ctx context.Context, name string) (*engine.Engine, error) {
	switch _, err := os.Stat(name); {
	case err == nil:
		return a.engine(ctx, []string{name})
	case name == policiesCurrent:
		return a.engine(ctx, nil)
	case name == policiesShipped:
		return runner.OfflineEngine(ctx, a.paths(), nil, nil)
	}
	return nil, hinted(usage("policies: %s is not a directory", name), "name a directory, shipped or current")
}

// kindsOfAction are all that a decision may be asked about.
var kindsOfAction = []string{"scan", "download", "install", "uninstall", "prereboot", "restart", "complete"}

// machineFiles reads the facts of each machine of a directory, by file name.
func machineFiles(dir string) (map[string]map[string]any, error) {
	if dir == "" {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, hinted(usage("machines: there is no *.json in %s", dir), `each holds one machine, as {"facts": {"power": {"on_ac": true}}}`)
	}
	out := map[string]map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var doc struct {
			Facts map[string]any `json:"facts"`
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&doc); err != nil || doc.Facts == nil {
			return nil, coded(exitFailed, fmt.Errorf("%s: not a machine: %w", file, cmp.Or(err, errors.New("it has no facts"))), "")
		}
		out[strings.TrimSuffix(filepath.Base(file), ".json")] = doc.Facts
	}
	return out, nil
}

// addInputs adds one document for each kind of action on a machine.
func addInputs(into map[string]*engine.Input, eng *engine.Engine, name string, f map[string]any) error {
	for _, kind := range kindsOfAction {
		doc := map[string]any{
			"action": map[string]any{"kind": kind, "updater": "com.example.reader", "pausable": true, "exclusive": false,
				"requires_network": true, "disk_bytes": 600 << 20, "estimated_seconds": 240},
			"updater": map[string]any{"id": "com.example.reader", "vendor": "example", "priority": 100, "failures": 0},
			"trust":   map[string]any{"checked": false, "verified": false, "error_code": ""},
			"control": map[string]any{"hold": false, "approved": false, "approved_metered": false, "retry_in_seconds": 0},
			"running": []any{}, "facts": f,
			"clock": map[string]any{"unix_seconds": 1800000000, "weekday": "Friday", "minute_of_day": 780, "timezone": "UTC", "trusted": true},
		}
		if kind != "scan" {
			doc["update"] = map[string]any{"component": "user_mode_app", "version": "2.0.0", "security": false, "size_bytes": 250 << 20,
				"grace_seconds": 172800, "waited_seconds": 3600, "restart": "none"}
		}
		data, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		in, err := eng.ParseInput(data)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", name, kind, err)
		}
		into[name+": "+kind] = in
	}
	return nil
}

// A typicalMachine is a desktop at rest with some facts changed.
type typicalMachine struct {
	name    string
	changes []string // NAME=VALUE, as for what-if
}

// typicalMachines are the moments that a policy has to tell apart.
var typicalMachines = []typicalMachine{
	{"desktop at rest", nil},
	{"desktop in use", []string{"presence.idle_seconds=5", "presence.locked=false"}},
	{"user away for 6 minutes", []string{"presence.idle_seconds=360", "presence.locked=false"}},
	{"user in a call", []string{`presence.busy=["call"]`, "presence.busy_seconds=600"}},
	{"laptop on battery at 80 %", []string{"power.on_ac=false", "power.battery_percent=80"}},
	{"laptop on battery at 20 %, saving", []string{"power.on_ac=false", "power.battery_percent=20", "power.saver=true"}},
	{"two cores and a rotating disk, at rest", []string{"cpu.cores=2", "storage.rotational=true"}},
	{"two cores and a rotating disk, disk at work", []string{"cpu.cores=2", "storage.rotational=true", "storage.io_queue_depth=1.5", "storage.io_busy_ratio=0.8"}},
	{"processors at work", []string{"cpu.busy_ratio=0.9"}},
	{"metered network", []string{"network.unmetered=false"}},
	{"no network", []string{"network.online=false"}},
	{"disk nearly full", []string{"storage.free_bytes=100000000"}},
	{"throttled by heat", []string{"thermal.throttled=true"}},
	{"package manager at work", []string{"packages.locked=true"}},
	{"just booted", []string{"host.uptime_seconds=60"}},
	{"just resumed", []string{"host.since_resume_seconds=20"}},
	{"somebody logged in from elsewhere", []string{"presence.remote_sessions=1"}},
	{"presence unknown", []string{"presence.idle_seconds=unknown", "presence.locked=unknown", "presence.busy=unknown"}},
	{"nothing known", nil},
}

// atRest are the facts of a desktop that nobody has used for two hours.
const atRest = `{"facts": {
	"presence": {"idle_seconds": 7200, "locked": true, "busy": [], "sessions": 1, "remote_sessions": 0},
	"power": {"on_ac": true, "saver": false}, "cpu": {"cores": 8, "busy_ratio": 0.02},
	"storage": {"rotational": false, "io_queue_depth": 0.01, "io_busy_ratio": 0.01, "free_bytes": 200000000000},
	"network": {"online": true, "unmetered": true}, "thermal": {"throttled": false}, "packages": {"locked": false},
	"host": {"uptime_seconds": 86400, "since_resume_seconds": 20000, "reboot_pending": false, "virtual": false},
	"inhibitors": {"shutdown": false}}}`

func (m typicalMachine) facts() map[string]any {
	if m.name == "nothing known" {
		return map[string]any{}
	}
	data, _, _, err := applyChanges([]byte(atRest), m.changes)
	if err != nil {
		panic(err) // constants of this file
	}
	var doc struct {
		Facts map[string]any `json:"facts"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		panic(err) // as above
	}
	return doc.Facts
}

// maxRecorded bounds how many recorded moments are decided on: the newest.
const maxRecorded = 300

// recordedMachines replays the record of facts: each moment at which something
// changed, with all that was known then.
func recordedMachines(dir string, since time.Time) map[string]map[string]any {
	now := map[string]any{}
	var names []string
	out := map[string]map[string]any{}
	for rec := range facts.ReadRecords(dir, since) {
		for id, v := range rec.Facts {
			now[id] = v
		}
		name := "recorded " + rec.Time.UTC().Format(time.RFC3339)
		if out[name] == nil {
			names = append(names, name)
		}
		out[name] = nested(now)
	}
	for _, name := range names[:max(0, len(names)-maxRecorded)] {
		delete(out, name)
	}
	return out
}

// nested turns dotted fact names into the tree of the input document; what is
// unknown is left out.
func nested(flat map[string]any) map[string]any {
	tree := map[string]any{}
	for id, v := range flat {
		if v != nil {
			setPath(tree, strings.Split(id, "."), v)
		}
	}
	return tree
}

func printPolicyDiff(s *screen, d policyDiff) {
	for _, c := range d.Changes {
		s.line("%s", s.bold(c.Input))
		s.line("  %s  %s%s", s.faint("old"), s.verdict(c.Old.Verdict), unmetNames(c.Old))
		s.line("  %s  %s%s", s.faint("new"), s.verdict(c.New.Verdict), unmetNames(c.New))
	}
	what := "decisions"
	if d.Recorded > 0 {
		what += fmt.Sprintf(" (%d on recorded facts)", d.Recorded)
	}
	if d.Machines > 0 {
		what += fmt.Sprintf(" (%d on the machines given)", d.Machines)
	}
	verdicts := len(slices.DeleteFunc(slices.Clone(d.Changes), func(c engine.Difference) bool { return c.Old.Verdict == c.New.Verdict }))
	s.line("%d of %d %s differ, %d in their verdict", len(d.Changes), d.Compared, what, verdicts)
}
