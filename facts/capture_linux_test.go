package facts

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func captureOf(t *testing.T, dir string) []byte {
	t.Helper()
	var archive bytes.Buffer
	if err := Capture(context.Background(), &archive, dir); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// What is captured of a machine again says the same.
func TestACapturedMachineCapturedAgainHasTheSameFacts(t *testing.T) {
	for name, archive := range machines(t) {
		t.Run(name, func(t *testing.T) {
			again := captureOf(t, machineRoot(t, archive))
			if diff := cmp.Diff(golden(machineFacts(t, archive, "/")), golden(machineFacts(t, again, "/"))); diff != "" {
				t.Errorf("facts (-captured +again):\n%s", diff)
			}
			third := captureOf(t, machineRoot(t, again))
			if diff := cmp.Diff(string(again), string(third)); diff != "" {
				t.Errorf("a third time (-again +third):\n%s", diff)
			}
		})
	}
}

// momentaryFacts differ between a machine and its capture, which stands still.
var momentaryFacts = []ID{
	"cpu.busy_ratio", "cpu.load1_per_core_ratio", "host.since_resume_seconds", "host.uptime_seconds", "memory.available_bytes", "presence.agent_held_seconds",
	"presence.idle_seconds", "presence.system_idle_seconds", "pressure.cpu.full_avg10_ratio", "pressure.cpu.some_avg10_ratio", "pressure.io.full_avg10_ratio",
	"pressure.io.some_avg10_ratio", "pressure.memory.full_avg10_ratio", "pressure.memory.some_avg10_ratio", "storage.free_bytes", "storage.io_busy_ratio", "storage.io_queue_depth",
}

func TestThisMachineCapturedHasTheSameLastingFacts(t *testing.T) {
	dir := machineRoot(t, captureOf(t, "/"))
	take := func(o Options) Snapshot {
		g, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		return g.Snapshot(context.Background(), nil, Target{Path: "/"})
	}
	real, copied := take(Options{}), take(Options{Root: dir, SystemBus: "-"})
	for _, d := range Catalogue() {
		if slices.Contains(momentaryFacts, d.ID) {
			continue
		}
		got, want := copied.Get(d.ID), real.Get(d.ID)
		if got.State != want.State || !cmp.Equal(got.V, want.V) || got.Source != want.Source || got.Quality != want.Quality {
			t.Errorf("%s: captured %v %s (%s), real %v %s (%s)", d.ID, got.V, got.Source, got.Why, want.V, want.Source, want.Why)
		}
	}
}

// Whatever a fact is made from has to be captured: this finds the file that a
// new fact reads and the capture forgets.
func TestEverythingThatFactsReadIsCaptured(t *testing.T) {
	roots := map[string]string{"this machine": "/", "planted": machineRoot(t, plantedMachine(t))}
	for name, archive := range machines(t) {
		roots[name] = machineRoot(t, archive)
	}
	for name, dir := range roots {
		read, captured := map[string]bool{}, lookedAt(t, dir)
		g, err := New(Options{Root: dir, SystemBus: "-", looked: func(path string) { read[filepath.Clean(path)] = true }})
		if err != nil {
			t.Fatal(err)
		}
		g.Snapshot(context.Background(), nil, Target{Path: "/"})
		g.Close()
		if len(read) < 20 {
			t.Errorf("%s: facts look at %d files only: the test does not see them", name, len(read))
		}
		for _, path := range slices.Sorted(maps.Keys(read)) {
			if !captured[path] && !byRule(path) && notCaptured(path) == "" {
				t.Errorf("%s: facts look at %s, and Capture does not", name, path)
			}
		}
	}
}

// lookedAt is what Capture looks at.
func lookedAt(t *testing.T, dir string) map[string]bool {
	t.Helper()
	r, err := newRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	r.looked = func(path string) { seen[filepath.Clean(path)] = true }
	if err := capture(context.Background(), new(bytes.Buffer), r); err != nil {
		t.Fatal(err)
	}
	return seen
}

// byRule reports whether a rule would capture path if it existed.
func byRule(path string) bool {
	return slices.ContainsFunc(captureRules, func(r struct {
		path string
		keep filter
	}) bool {
		return regexp.MustCompile("^" + strings.ReplaceAll(r.path, "#", "[0-9]+") + "$").MatchString(path)
	})
}

// notCaptured says why a file that facts read is not captured.
func notCaptured(path string) string {
	switch {
	case path == "/":
		return "where a search of a mount ends"
	case strings.HasPrefix(path, blockDir) && strings.HasSuffix(path, "/stat"):
		return "a rate: a captured machine stands still"
	case strings.HasPrefix(path, cpuDir) && strings.HasSuffix(path, "_throttle_count"):
		return "not a processor"
	}
	for prefix, why := range map[string]string{
		"/proc/stat": "a rate: a captured machine stands still", "/dev/": "answered by captured.json", "/var/lib/": "a lock: answered by captured.json",
		"/var/cache/apt/": "a lock: answered by captured.json", "/usr/lib/sysimage/": "a lock: answered by captured.json", "/run/zypp.pid": "a lock: answered by captured.json",
		"/sys/class/tty/console/active": "answered by captured.json", "/sys/class/block/ram": "no volume lies on it", "/sys/fs/btrfs/features": "no file system",
	} {
		if strings.HasPrefix(path, prefix) {
			return why
		}
	}
	return ""
}

// plantedMachine is a machine with a private name, marked by zq, in every place
// that can hold one.
func plantedMachine(t *testing.T) []byte {
	t.Helper()
	archive, err := os.ReadFile("testdata/planted.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// plantedSecrets are the private things in it that cannot bear the mark: its
// user's number, its gateways, a hardware address, a UUID's end, numbers of
// processes, a serial number, a partition's UUID.
var plantedSecrets = []string{
	"zq", "54321", "0A0B0C0D", "0d0c0b0a", "fe80", "02deadbeef01", "02:de:ad:be:ef:01", "4c1f8e2d77aa", "99887766", "31337", "2001:db8", "20010db8",
}

func leaks(archive []byte) (found []string) {
	for _, secret := range plantedSecrets {
		if bytes.Contains(bytes.ToLower(archive), bytes.ToLower([]byte(secret))) {
			found = append(found, secret)
		}
	}
	return found
}

func TestACaptureTellsNoName(t *testing.T) {
	archive := plantedMachine(t)
	if got := leaks(archive); len(got) != len(plantedSecrets) {
		t.Fatalf("the planted machine holds %q only, want all of %q", got, plantedSecrets)
	}
	out := captureOf(t, machineRoot(t, archive))
	if found := leaks(out); found != nil {
		t.Errorf("the capture tells %q:\n%s", found, out)
	}
}

func TestAMachineOfManyNamesHasTheSameFactsWithoutThem(t *testing.T) {
	original := machineRoot(t, plantedMachine(t))
	again := machineRoot(t, captureOf(t, original))
	for _, target := range []string{"/", "/home", "/srv", "/opt", "/var/log", "/mnt", "/media"} {
		want, got := golden(factsIn(t, original, target)), golden(factsIn(t, again, target))
		if diff := cmp.Diff(withoutPrograms(t, want), withoutPrograms(t, got)); diff != "" {
			t.Errorf("%s: facts (-original +captured):\n%s", target, diff)
		}
	}
	// So that what was compared is not a heap of unknowns.
	for target, want := range map[string]map[ID]any{
		"/":        {"storage.rotational": false, "storage.filesystem": "ext4", "power.on_ac": false, "power.battery_percent": 40.0, "network.kind": "wireless", "presence.locked": false, "host.virtual": false, "thermal.throttled": true},
		"/home":    {"storage.rotational": true, "storage.filesystem": "btrfs"},
		"/srv":     {"storage.rotational": nil, "storage.filesystem": "nfs4"},
		"/opt":     {"storage.rotational": true, "storage.filesystem": "xfs"},
		"/var/log": {"storage.rotational": true, "storage.filesystem": "overlay"},
		"/mnt":     {"storage.rotational": true, "storage.filesystem": "squashfs", "storage.read_only": true},
		"/media":   {"storage.rotational": true, "storage.filesystem": "vfat"},
	} {
		s := factsIn(t, again, target)
		for id, v := range want {
			if got := s.Get(id); got.V != v {
				t.Errorf("%s: %s is %v (%s), want %v", target, id, got.V, got.Why, v)
			}
		}
	}
	if holders := factsIn(t, again, "/").Get("inhibitors.holders").V; !cmp.Equal(holders, []string{"idle: program 0", "sleep:shutdown: program 1"}) {
		t.Errorf("got holders %v, want numbered programs", holders)
	}
}

// withoutPrograms leaves out the names of programs, the only ones in facts.
func withoutPrograms(t *testing.T, doc map[string]any) any {
	t.Helper()
	d := plain(t, doc).(map[string]any)
	delete(d["facts"].(map[string]any)["inhibitors"].(map[string]any), "holders")
	delete(d["meta"].(map[string]any)["presence.busy"].(map[string]any), "why")
	return d
}

// A kernel or a service may put a name into any file, and anybody's driver may
// make a file or a directory with one: wherever capture looks there is one here.
func TestACaptureTellsNothingThatAnyFileSays(t *testing.T) {
	archive := plantedMachine(t)
	for name, spoil := range map[string]func(string) string{
		"on the same line":  func(s string) string { return s + " zqsecret" },
		"in front":          func(s string) string { return "zqsecret " + s },
		"without a blank":   func(s string) string { return s + "zqsecret" },
		"on a line before":  func(s string) string { return "zqsecret\n" + s + "\n" },
		"on a line behind":  func(s string) string { return s + "\nzqsecret\n" },
		"as an assignment":  func(s string) string { return s + "\nDEVTYPE=zqsecret\nONLINE_STATE=zqsecret\n" },
		"instead":           func(string) string { return "zqsecret" },
		"as a txtar marker": func(s string) string { return s + "\n-- zqsecret --\nzqsecret\n" },
		"after a NUL":       func(s string) string { return s + "\x00container=zqsecret" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := machineRoot(t, archive)
			looked := lookedAt(t, dir)
			spoiled := 0
			for path := range looked {
				spoiled += spoilFile(t, dir, path, spoil)
			}
			if spoiled < 100 {
				t.Fatalf("%d of %d files were spoiled: the test does not reach them", spoiled, len(looked))
			}
			out := captureOf(t, dir)
			if found := leaks(out); found != nil {
				t.Errorf("the capture tells %q:\n%s", found, out)
			}
		})
	}
}

// spoilFile changes what is at path, or puts an entry with a name into it; it
// reports how many it changed.
func spoilFile(t *testing.T, dir, path string, spoil func(string) string) int {
	t.Helper()
	file := filepath.Join(dir, path)
	info, err := os.Stat(file)
	switch {
	case err != nil && (strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/run/") || strings.HasPrefix(path, "/sys/")):
		if os.MkdirAll(filepath.Dir(file), 0o755) != nil || os.WriteFile(file, []byte(spoil("1")), 0o644) != nil {
			return 0 // a link to where nothing is
		}
	case err != nil:
		return 0
	case info.IsDir():
		for _, entry := range []string{"zqentry", "zqdir/type", "zqdir/dev", "zqdir/status"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(file, entry)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(file, entry), []byte("zqsecret"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	default:
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(spoil(strings.TrimSuffix(string(old), "\n"))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return 1
}

// Services may say anything, too.
func TestACaptureTellsNothingThatAServiceSays(t *testing.T) {
	dir := machineRoot(t, plantedMachine(t))
	file := filepath.Join(dir, capturedFile)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	strings := 0
	for _, spoil := range []func(string) string{func(s string) string { return s + "zq" }, func(string) string { return "zqsecret" }, func(s string) string { return s + ":zq" }} {
		spoiled, err := json.Marshal(spoilJSON(doc, spoil, &strings))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, spoiled, 0o644); err != nil {
			t.Fatal(err)
		}
		if out := captureOf(t, dir); leaks(out) != nil {
			t.Errorf("the capture tells %q:\n%s", leaks(out), out)
		}
	}
	if strings < 40 {
		t.Errorf("%d strings were spoiled, want all", strings)
	}
}

// spoilJSON changes every string, and every key that is not a field's name.
func spoilJSON(v any, spoil func(string) string, n *int) any {
	switch v := v.(type) {
	case string:
		*n++
		return spoil(v)
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, spoilJSON(e, spoil, n))
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if strings.HasPrefix(k, "/") || k == "2" {
				*n++
				k = spoil(k)
			}
			out[k] = spoilJSON(e, spoil, n)
		}
		return out
	}
	return v
}

func TestNothingOfThisMachinesNamesIsInItsCapture(t *testing.T) {
	out := captureOf(t, "/")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	private := []string{host, os.Getenv("HOME"), t.TempDir()}
	links, _ := filepath.Glob("/sys/class/net/*/address")
	for _, file := range links {
		address, _ := os.ReadFile(file)
		if a := strings.TrimSpace(string(address)); strings.Trim(a, "0:") != "" {
			private = append(private, a)
		}
	}
	for _, name := range private {
		if len(name) > 3 && bytes.Contains(out, []byte(name)) {
			t.Errorf("the capture tells %q", name)
		}
	}
}

// The time on a captured machine is its own: the machine that looks at it may
// have been up for less.
func TestTimesOnACapturedMachineDoNotDependOnTheOneThatLooks(t *testing.T) {
	dir := machineRoot(t, machines(t)["ssh-only"])
	year := int64(365 * 24 * 3600)
	answers := map[string]any{"terminal_idle_seconds": map[string]int64{"/dev/pts/0": year}, "input_idle_seconds": year}
	data, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{capturedFile: string(data), "proc/uptime": "40000000.00 1.00"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), fs.FileMode(0o644)); err != nil {
			t.Fatal(err)
		}
	}
	g, err := New(Options{Root: dir, SystemBus: "-", Now: func() time.Time { return time.Unix(1790000000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if v := g.Snapshot(context.Background(), nil, Target{Path: "/"}).Get("presence.idle_seconds"); v.V != year {
		t.Errorf("got %v (%s), want %d: the terminal's year", v.V, v.Why, year)
	}
}
