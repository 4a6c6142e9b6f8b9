package policytests

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lullhq/lull/engine"
	"github.com/lullhq/lull/policies"
	"github.com/lullhq/lull/runner"
)

type object = map[string]any

// kinds of action, with how each of them writes its update.
var kinds = []string{"scan", "download", "install", "uninstall", "prereboot", "restart", "complete"}

func options(edits map[string]string) engine.Options {
	etc := fstest.MapFS{}
	for name, text := range edits {
		etc[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return engine.Options{
		Layers: func() []engine.Layer {
			return []engine.Layer{{Name: "embedded", FS: policies.FS}, {Name: "etc", FS: etc}}
		},
		Schema: runner.Schema(), Deadline: time.Minute, // the machine of the tests may be busy
	}
}

func shipped(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.New(context.Background(), options(nil))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// calm is an input on which an action of the kind runs, with every fact that
// the policies know.
func calm(kind string) object {
	doc := object{
		"action": object{
			"kind": kind, "updater": "com.example.reader", "pausable": true, "exclusive": false,
			"requires_network": true, "disk_bytes": 629145600, "estimated_seconds": 240,
		},
		"updater": object{"id": "com.example.reader", "vendor": "example", "priority": 100, "failures": 0},
		"trust": object{
			"checked": true, "verified": true, "error_code": "",
			"package": object{"id": "com.example.reader", "version": "3.1.0", "digest": "d", "component": "user_mode_app"},
		},
		"sandbox": object{"layers": []any{"mount", "pid"}, "memory": "enforced"},
		"control": object{"hold": false, "approved": false, "approved_metered": false, "retry_in_seconds": 0},
		"running": []any{},
		"facts": object{
			"presence":   object{"idle_seconds": 4000, "locked": false, "busy": []any{}, "sessions": 1, "remote_sessions": 0},
			"power":      object{"on_ac": true, "battery_percent": 80, "saver": false},
			"cpu":        object{"cores": 4, "busy_ratio": 0.05},
			"storage":    object{"rotational": true, "io_queue_depth": 0.1, "free_bytes": 50000000000},
			"network":    object{"online": true, "unmetered": true},
			"thermal":    object{"throttled": false},
			"host":       object{"uptime_seconds": 90000, "since_resume_seconds": 90000},
			"inhibitors": object{"shutdown": false},
			"packages":   object{"locked": false},
		},
		"meta":  object{},
		"clock": object{"unix_seconds": 1790000000, "weekday": "Monday", "minute_of_day": 780, "timezone": "Europe/Oslo", "trusted": true},
	}
	if kind != "scan" && kind != "uninstall" {
		doc["action"].(object)["update"] = "reader-12.4"
		doc["update"] = object{
			"component": "user_mode_app", "version": "12.4.0", "security": false, "size_bytes": 250000000,
			"deadline_in_seconds": 604800, "grace_seconds": 172800, "waited_seconds": 3600, "restart": "none",
		}
	}
	if kind != "restart" {
		doc["running"] = []any{object{"updater": "org.other.app", "kind": "download", "exclusive": false}}
	}
	return doc
}

// verdict decides on doc: refused is an input that breaks the schema.
func verdict(t testing.TB, e *engine.Engine, doc object) (v engine.Verdict, refused bool) {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	in, err := e.ParseInput(data)
	if err != nil {
		return "", true
	}
	return e.Decide(context.Background(), in).Verdict, false
}

// clone copies objects and lists.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for k, m := range v {
			out[k] = clone(m)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, m := range v {
			out[i] = clone(m)
		}
		return out
	}
	return v
}

// leaves are the paths to everything in v that is not an object or a list
// with members, lists by their first member.
func leaves(v any, at ...any) (out [][]any) {
	switch v := v.(type) {
	case object:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, leaves(v[k], append(slices.Clone(at), k)...)...)
		}
	case []any:
		for i := range v {
			out = append(out, leaves(v[i], append(slices.Clone(at), i)...)...)
		}
	}
	if out == nil && len(at) > 0 {
		out = [][]any{at}
	}
	return out
}

// set replaces what path leads to in doc; drop removes it instead.
func set(doc any, path []any, value any, drop bool) any {
	switch key := path[0].(type) {
	case string:
		m := doc.(object)
		switch {
		case len(path) > 1:
			m[key] = set(m[key], path[1:], value, drop)
		case drop:
			delete(m, key)
		default:
			m[key] = value
		}
		return m
	case int:
		l := doc.([]any)
		switch {
		case len(path) > 1:
			l[key] = set(l[key], path[1:], value, drop)
		case drop:
			return slices.Delete(l, key, key+1)
		default:
			l[key] = value
		}
		return l
	}
	return doc
}

func TestACalmMachineRunsEveryKindOfAction(t *testing.T) {
	e := shipped(t)
	for _, kind := range kinds {
		data, _ := json.Marshal(calm(kind))
		in, err := e.ParseInput(data)
		if err != nil {
			t.Fatal(kind, err)
		}
		if d := e.Decide(context.Background(), in); d.Verdict != engine.Run {
			t.Errorf("%s: got %+v, want run", kind, d)
		}
	}
}

// overlay is a tree with the content of some of its files replaced.
type overlay struct {
	fs.FS
	edits map[string]string
}

func (o overlay) Open(name string) (fs.File, error) {
	if text, ok := o.edits[name]; ok {
		return fstest.MapFS{name: {Data: []byte(text)}}.Open(name)
	}
	return o.FS.Open(name)
}
