package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lullhq/lull/engine"
)

// Every captured machine × every kind of action is decided by both sets, and so is
// each moment of what this machine recorded.
func TestPolicyDiffDecidesOnCapturedMachinesAndRecordedFacts(t *testing.T) {
	root := shortDir(t)
	stricter := filepath.Join(root, "stricter")
	writeFile(t, filepath.Join(stricter, "thresholds", "data.yaml"), "disk_reserve_bytes: 9000000000000000\n")
	a := &app{in: strings.NewReader(""), out: newBuffer(t), err: newBuffer(t), env: func(string) string { return "" }, root: root}
	now := time.Now().Unix()
	writeFile(t, filepath.Join(a.paths().FactsLog, "facts.jsonl"), fmt.Sprintf(`{"t": %d, "f": {"power.on_ac": true, "storage.free_bytes": 70000000000, "presence.idle_seconds": 7200, "host.uptime_seconds": 90000}}
{"t": %d, "f": {"power.on_ac": false}}
{"t": %d, "f": {"storage.free_bytes": null}}
`, now-300, now-200, now-100))
	machines, err := filepath.Glob("../../../facts/testdata/machines/*.json")
	if err != nil || len(machines) < 10 {
		t.Fatal(len(machines), err)
	}

	d, err := a.policyDiff(context.Background(), policiesShipped, stricter, time.Hour, filepath.Dir(machines[0]))
	if err != nil {
		t.Fatal(err)
	}
	if want := len(machines) * len(kindsOfAction); d.Machines != want {
		t.Errorf("%d decisions on the machines, want %d", d.Machines, want)
	}
	if want := 3 * len(kindsOfAction); d.Recorded != want {
		t.Errorf("%d decisions on recorded facts, want %d", d.Recorded, want)
	}
	if want := d.Machines + d.Recorded + len(typicalMachines)*len(kindsOfAction); d.Compared != want {
		t.Errorf("%d decisions in all, want %d", d.Compared, want)
	}
	changed := map[string]engine.Difference{}
	for _, c := range d.Changes {
		changed[c.Input] = c
	}
	known, err := machineFiles(filepath.Dir(machines[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range machines {
		name := strings.TrimSuffix(filepath.Base(m), ".json")
		for _, kind := range kindsOfAction {
			// What a download and an install ask of the disk is all that differs.
			_, differs := changed[name+": "+kind]
			disk, _ := known[name]["storage"].(map[string]any)
			free, _ := disk["free_bytes"].(json.Number)
			bytes, _ := free.Int64()
			if want := (kind == "download" || kind == "install") && bytes >= 2*600<<20+268435456; differs != want {
				t.Errorf("%s, %s: differs is %v, want %v", name, kind, differs, want)
			}
		}
	}
	recorded := 0
	for name := range changed {
		if strings.HasPrefix(name, "recorded ") {
			recorded++
		}
	}
	if recorded != 2*2 { // two of the three moments know the free space
		t.Errorf("%d recorded decisions differ, want 4: %v", recorded, d.Changes)
	}

	if _, err := a.policyDiff(context.Background(), policiesShipped, stricter, time.Hour, root); err == nil {
		t.Error("a directory without machines was accepted")
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
