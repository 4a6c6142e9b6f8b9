package facts

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// machineRoot unpacks an archive and returns the directory.
func machineRoot(t *testing.T, archive []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := Extract(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// machineFacts gathers every fact of a captured machine.
func machineFacts(t *testing.T, archive []byte, target string) Snapshot {
	t.Helper()
	s, err := LoadCaptured(context.Background(), archive, Target{Path: target}, time.Unix(1790000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func factsIn(t *testing.T, dir, target string) Snapshot {
	t.Helper()
	g, err := New(Options{Root: dir, SystemBus: "-", Now: func() time.Time { return time.Unix(1790000000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	return g.Snapshot(context.Background(), nil, Target{Path: target})
}

func machines(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/machines/*.txtar")
	if err != nil || len(files) < 12 {
		t.Fatalf("found %d machines (%v), want at least 12", len(files), err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".txtar")] = data
	}
	return all
}

// golden is what a machine's facts look like on paper. Ages are left out.
func golden(s Snapshot) map[string]any {
	meta := s.Meta()
	for _, m := range meta {
		delete(m.(map[string]any), "age_seconds")
	}
	return map[string]any{"facts": s.Facts(), "meta": meta}
}

func TestCapturedMachinesHaveTheFactsOnRecord(t *testing.T) {
	for name, archive := range machines(t) {
		t.Run(name, func(t *testing.T) {
			s := machineFacts(t, archive, "/")
			got, err := json.MarshalIndent(golden(s), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := "testdata/machines/" + name + ".json"
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; run go test ./facts -run %s -update and read what it writes", err, t.Name())
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			validate(t, Schema(), s.Facts())
			validate(t, MetaSchema(), s.Meta())
		})
	}
}

// What each machine is on record for, so that no golden file can be updated
// past the bug it keeps away. nil is unknown.
func TestCapturedMachinesAreNotMisjudgedAsOthersDid(t *testing.T) {
	all := machines(t)
	for name, want := range map[string]map[ID]any{
		"office-laptop-ac":      {"power.on_ac": true, "presence.idle_seconds": int64(1210), "presence.locked": true, "network.unmetered": true, "storage.rotational": false},
		"office-laptop-battery": {"power.on_ac": false, "power.saver": true, "network.unmetered": false},
		"desktop-gpu-port":      {"power.on_ac": true, "host.chassis": "desktop"},
		"usbc-dock":             {"power.on_ac": true, "network.kind": "wired", "power.lid_closed": true},
		"dual-core-hdd":         {"cpu.cores": int64(2), "storage.rotational": true, "power.on_ac": true},
		"luks-lvm-nvme":         {"storage.rotational": false},
		"btrfs-raid":            {"storage.rotational": true, "presence.sessions": int64(0)},
		"kiosk":                 {"storage.read_only": true, "network.online": true, "presence.idle_seconds": int64(640)},
		"headless-server":       {"storage.rotational": true, "host.reboot_pending": true, "presence.sessions": int64(0)},
		"ssh-only":              {"presence.remote_sessions": int64(1), "packages.locked": true, "inhibitors.shutdown": true},
		"vm":                    {"host.virtual": true, "storage.rotational": true},
		"container":             {"host.container": true, "presence.idle_seconds": nil, "storage.rotational": nil},
		"no-psi":                {"pressure.io.some_avg10_ratio": nil, "power.on_ac": nil, "presence.idle_seconds": nil},
	} {
		s := machineFacts(t, all[name], "/")
		for _, id := range slices.Sorted(maps.Keys(want)) {
			if got := s.Get(id); got.V != want[id] {
				t.Errorf("%s: %s is %v (%s), want %v", name, id, got.V, got.Why, want[id])
			}
		}
	}
	if s := machineFacts(t, all["luks-lvm-nvme"], "/srv/reader"); s.Get("storage.rotational").V != true {
		t.Errorf("/srv lies on the spinning disk: got %+v", s.Get("storage.rotational"))
	}
	if s := machineFacts(t, all["kiosk"], "/opt/reader"); s.Get("storage.read_only").V != false {
		t.Errorf("/opt is writable: got %+v", s.Get("storage.read_only"))
	}
	if got := machineFacts(t, all["vm"], "/").Get("storage.rotational").Quality; got != poor {
		t.Errorf("a virtual disk's flag has quality %q, want poor", got)
	}
}
