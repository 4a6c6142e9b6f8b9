package policytests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"go.yaml.in/yaml/v3"
)

// wrong are the values that must not let anything run in place of a good one.
var wrong = []any{nil, "", "999", []any{}, object{}, []any{"x"}, true, false, -1}

// An exception is a leaf that an action may lose and still run.
type exception struct{ leaf, kinds, why string }

// exceptions are all of them. "all" is every kind that has the leaf.
var exceptions = []exception{
	{"action/update", "all", "a name for people and the journal"},
	{"action/updater", "all", "a name; trust and the registry judge whose program it is"},
	{"updater/id", "all", "a name; trust and the registry judge whose program it is"},
	{"updater/vendor", "all", "a name; trust and the registry judge whose program it is"},
	{"update/version", "all", "a name; trust judges versions"},
	{"trust/error_code", "all", "verified is the answer; the code only says more about a no"},
	{"trust/package/id", "all", "says more about an answer that is yes"},
	{"trust/package/version", "all", "says more about an answer that is yes"},
	{"trust/package/digest", "all", "says more about an answer that is yes"},
	{"trust/package/component", "download install prereboot restart complete", "the update states its component"},
	{"sandbox/layers/0", "all", "confined is not required by default"},
	{"sandbox/layers/1", "all", "confined is not required by default"},
	{"clock/timezone", "all", "the clock is local already"},
	{"meta", "all", "says more about facts that are known"},
	{"update/deadline_in_seconds", "all", "without a deadline nothing is relaxed, and nothing needs to be"},
	{"running/0/updater", "all", "kind and exclusiveness decide, not whose it is"},

	{"facts/cpu/cores", "all", "unknown counts as few, and nobody was here for long enough even so"},
	{"facts/storage/rotational", "all", "unknown counts as rotating, and the disk is calm enough even so"},
	{"facts/presence/sessions", "all", "for people; nothing decides on it"},
	{"facts/presence/locked", "all", "a lock only shortens the wait for absence"},
	{"facts/power/battery_percent", "all", "the machine is on AC power"},
	{"facts/power/saver", "all", "the machine is on AC power"},
	{"facts/power/on_ac", "scan download complete", "light work, and the battery is charged"},
	{"facts/presence/idle_seconds", "scan", "a scan waits for absence on constrained machines only"},
	{"facts/presence/busy", "scan complete", "they disturb nobody"},
	{"facts/presence/remote_sessions", "scan download install uninstall prereboot complete", "only a restart cuts sessions off"},
	{"facts/inhibitors/shutdown", "scan download install uninstall prereboot complete", "only a restart shuts down"},
	{"facts/cpu/busy_ratio", "scan download complete", "they are light"},
	{"facts/thermal/throttled", "scan download restart complete", "they heat nothing"},
	{"facts/storage/io_queue_depth", "scan prereboot restart complete", "they write little"},
	{"facts/storage/free_bytes", "scan uninstall prereboot restart complete", "they write little, or free space"},
	{"facts/packages/locked", "scan download complete", "they change no packages"},
	{"facts/network/online", "restart", "it needs no network"},
	{"facts/network/unmetered", "scan restart", "a scan moves little, a restart nothing"},
	{"facts/host/uptime_seconds", "complete", "it belongs to the restart that just was"},
	{"facts/host/since_resume_seconds", "complete", "it belongs to the restart that just was"},
}

func TestRemovingOrSpoilingAnyLeafNeverLeavesTheVerdictRun(t *testing.T) {
	e := shipped(t)
	used := map[string]bool{}
	for _, kind := range kinds {
		for _, path := range leaves(calm(kind)) {
			name := pathName(path)
			for _, s := range spoil(calm(kind), path) {
				if v, refused := verdict(t, e, s.doc); refused || v != engine.Run {
					continue
				}
				used[name] = true
				if !excepted(name, kind) {
					t.Errorf("%s: with %s %s: got run, want wait, deny or refused", kind, name, s.how)
				}
			}
		}
	}
	for _, x := range exceptions {
		if !used[x.leaf] {
			t.Errorf("the exception for %s is not needed; delete it", x.leaf)
		}
	}
}

func excepted(leaf, kind string) bool {
	for _, x := range exceptions {
		if x.leaf == leaf && (x.kinds == "all" || strings.Contains(" "+x.kinds+" ", " "+kind+" ")) {
			return true
		}
	}
	return false
}

func pathName(path []any) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = fmt.Sprint(p)
	}
	return strings.Join(parts, "/")
}

type spoiled struct {
	how string
	doc object
}

// spoil returns doc without the leaf, and with every wrong value of another
// type in its place.
func spoil(doc object, path []any) []spoiled {
	out := []spoiled{{"removed", set(clone(doc), path, nil, true).(object)}}
	good := at(doc, path)
	for _, v := range wrong {
		if fmt.Sprintf("%T", v) == fmt.Sprintf("%T", good) && v != nil && v != "" && v != "999" {
			continue // a good value of the right type says something else, and may
		}
		out = append(out, spoiled{fmt.Sprintf("set to %#v", v), set(clone(doc), path, v, false).(object)})
	}
	return out
}

// at is what path leads to in v; nil where it leads nowhere.
func at(v any, path []any) any {
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, _ := v.(object)
			v = m[key]
		case int:
			v = v.([]any)[key]
		}
	}
	return v
}

// Every threshold and every requirement in turn gets a wrong value. All of
// them are refused at once, each with its line. Values of the right type say
// something else, and are left out.
func TestAWrongThresholdOrRequirementIsRefused(t *testing.T) {
	for _, file := range []string{"thresholds/data.yaml", "requirements/data.yaml"} {
		for _, v := range append(wrong, object{"x": 1}) {
			data := shippedData(t, file)
			var spoiled []string
			for _, path := range leaves(data) {
				if sameType(v, at(data, path)) {
					continue
				}
				set(data, path, v, false)
				spoiled = append(spoiled, pathName(path))
			}
			if refused := refusedLines(t, file, data); refused < len(spoiled) {
				t.Errorf("%s: %#v in %d places: got %d lines refused", file, v, len(spoiled), refused)
			}
		}
	}
}

// refusedLines loads data as an administrator's file, and counts the lines
// that are refused.
func refusedLines(t *testing.T, file string, data object) int {
	t.Helper()
	text, err := yaml.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.New(context.Background(), options(map[string]string{file: string(text)}))
	var refused *engine.LoadError
	if !errors.As(err, &refused) {
		return 0
	}
	lines := map[int]bool{}
	for _, d := range refused.Diagnostics {
		if d.Severity == "error" && d.File == "etc/"+file {
			lines[d.Line] = true
		}
	}
	return len(lines)
}

// A file without one of the thresholds, in place of the shipped one.
func TestWithoutAThresholdNothingThatNeedsItRuns(t *testing.T) {
	const file = "thresholds/data.yaml"
	for _, path := range leaves(shippedData(t, file)) {
		text, err := yaml.Marshal(set(shippedData(t, file), path, nil, true))
		if err != nil {
			t.Fatal(err)
		}
		e, err := engine.New(context.Background(), only(map[string]string{file: string(text)}))
		if err != nil {
			continue // a rule reads what is not there: refused
		}
		if len(path) == 1 {
			t.Errorf("without %s: got a policy, want it refused", pathName(path))
			continue
		}
		for _, k := range kinds {
			if v, _ := verdict(t, e, calm(k)); v == engine.Run && needsThreshold(path, k) {
				t.Errorf("without %s: %s runs", pathName(path), k)
			}
		}
	}
}

// needsThreshold tells whether the calm machine of the tests, which is a
// limited one on AC power, gets its answer for the kind from the threshold.
func needsThreshold(path []any, kind string) bool {
	switch path[0] {
	case "idle_seconds":
		return path[1] == kind && path[2] == "limited"
	case "after_boot_seconds":
		return path[1] == "limited" && kind != "complete"
	case "restart_weekdays":
		return path[1] == "Monday" && kind == "restart"
	}
	return false // battery_percent: on AC power; max_run_seconds: the default
}

func shippedData(t *testing.T, file string) object {
	t.Helper()
	text, err := fs.ReadFile(policies.FS, file)
	if err != nil {
		t.Fatal(err)
	}
	var data object
	if err := yaml.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	return data
}

func sameType(a, b any) bool {
	number := func(v any) bool {
		switch v.(type) {
		case int, float64:
			return true
		}
		return false
	}
	if number(a) && number(b) {
		n, ok := a.(int)
		return !ok || n >= 0
	}
	return a != nil && fmt.Sprintf("%T", a) == fmt.Sprintf("%T", b)
}

// only are options whose single layer is the shipped one with other files.
func only(edits map[string]string) engine.Options {
	o := options(nil)
	layer := overlay{policies.FS, edits}
	o.Layers = func() []engine.Layer { return []engine.Layer{{Name: "embedded", FS: layer}} }
	return o
}
