package policytests

import (
	"math/rand/v2"
	"testing"

	"github.com/lullhq/lull/engine"
)

// better makes a machine calmer in one way.
type better struct {
	name string
	path []any
	to   func(r *rand.Rand, now any) any
}

func fixed(v any) func(*rand.Rand, any) any { return func(*rand.Rand, any) any { return v } }

func more(_ *rand.Rand, now any) any { return number(now)*2 + 1000 }

func half(_ *rand.Rand, now any) any { return number(now) / 2 }

func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

var improvements = []better{
	{"longer absence", []any{"facts", "presence", "idle_seconds"}, func(_ *rand.Rand, now any) any { return now.(int)*2 + 1000 }},
	{"nobody busy", []any{"facts", "presence", "busy"}, fixed([]any{})},
	{"locked", []any{"facts", "presence", "locked"}, fixed(true)},
	{"no remote sessions", []any{"facts", "presence", "remote_sessions"}, fixed(0)},
	{"AC power", []any{"facts", "power", "on_ac"}, fixed(true)},
	{"a full battery", []any{"facts", "power", "battery_percent"}, fixed(100)},
	{"saver off", []any{"facts", "power", "saver"}, fixed(false)},
	{"more cores", []any{"facts", "cpu", "cores"}, fixed(16)},
	{"less load", []any{"facts", "cpu", "busy_ratio"}, half},
	{"no rotating disk", []any{"facts", "storage", "rotational"}, fixed(false)},
	{"shorter queue", []any{"facts", "storage", "io_queue_depth"}, half},
	{"more space", []any{"facts", "storage", "free_bytes"}, more},
	{"online", []any{"facts", "network", "online"}, fixed(true)},
	{"unmetered", []any{"facts", "network", "unmetered"}, fixed(true)},
	{"cooler", []any{"facts", "thermal", "throttled"}, fixed(false)},
	{"up for longer", []any{"facts", "host", "uptime_seconds"}, func(_ *rand.Rand, now any) any { return now.(int)*2 + 1000 }},
	{"nothing else running", []any{"running"}, fixed([]any{})},
	{"not held", []any{"control", "hold"}, fixed(false)},
	{"approved", []any{"control", "approved"}, fixed(true)},
	{"a nearer deadline", []any{"update", "deadline_in_seconds"}, func(_ *rand.Rand, now any) any { return now.(int) - 400000 }},
}

func TestACalmerMachineNeverWaitsLonger(t *testing.T) {
	e := shipped(t)
	r := rand.New(rand.NewPCG(1, 2))
	ran := 0
	for range 600 {
		doc := generate(r)
		if v, refused := verdict(t, e, doc); refused || v != engine.Run {
			continue
		}
		ran++
		for _, b := range improvements {
			now := at(doc, b.path)
			if now == nil {
				continue // unknown, or no update
			}
			calmer := set(clone(doc), b.path, b.to(r, now), false).(object)
			if v, refused := verdict(t, e, calmer); !refused && v != engine.Run {
				t.Errorf("%s turned run into %s on %v", b.name, v, doc)
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d of the generated inputs run; the test says too little", ran)
	}
}

// generate makes a valid input, mostly of a calm machine, with some of its
// values others and some of its facts unknown.
func generate(r *rand.Rand) object {
	doc := calm(kinds[r.IntN(len(kinds))])
	for range r.IntN(5) {
		v := varied[r.IntN(len(varied))]
		if at(doc, v.path) == nil {
			continue
		}
		set(doc, v.path, v.values[r.IntN(len(v.values))], false)
	}
	for range r.IntN(3) {
		all := leaves(doc["facts"], "facts")
		if path := all[r.IntN(len(all))]; r.IntN(3) == 0 && len(path) == 3 {
			set(doc, path, nil, true)
		}
	}
	return doc
}

var varied = []struct {
	path   []any
	values []any
}{
	{[]any{"facts", "presence", "idle_seconds"}, []any{0, 59, 60, 119, 120, 300, 600, 1199, 1200, 50000}},
	{[]any{"facts", "presence", "locked"}, []any{true, false}},
	{[]any{"facts", "presence", "busy"}, []any{[]any{"call"}, []any{"game", "fullscreen"}, []any{}}},
	{[]any{"facts", "presence", "remote_sessions"}, []any{0, 1}},
	{[]any{"facts", "power", "on_ac"}, []any{true, false}},
	{[]any{"facts", "power", "battery_percent"}, []any{5, 20, 49.5, 50, 100}},
	{[]any{"facts", "power", "saver"}, []any{true, false}},
	{[]any{"facts", "cpu", "cores"}, []any{1, 2, 3, 64}},
	{[]any{"facts", "cpu", "busy_ratio"}, []any{0, 0.2, 0.21, 1}},
	{[]any{"facts", "storage", "rotational"}, []any{true, false}},
	{[]any{"facts", "storage", "io_queue_depth"}, []any{0, 0.5, 0.51, 2, 40}},
	{[]any{"facts", "storage", "free_bytes"}, []any{0, 1526726656, 1526726655, 90000000000}},
	{[]any{"facts", "network", "online"}, []any{true, false}},
	{[]any{"facts", "network", "unmetered"}, []any{true, false}},
	{[]any{"facts", "thermal", "throttled"}, []any{true, false}},
	{[]any{"facts", "host", "uptime_seconds"}, []any{10, 600, 1799, 1800}},
	{[]any{"facts", "packages", "locked"}, []any{true, false}},
	{[]any{"action", "pausable"}, []any{true, false}},
	{[]any{"action", "exclusive"}, []any{true, false}},
	{[]any{"action", "requires_network"}, []any{true, false}},
	{[]any{"action", "disk_bytes"}, []any{0, 1, 1000000000000}},
	{[]any{"update", "component"}, []any{"user_mode_app", "system_packages", "driver", "firmware"}},
	{[]any{"update", "deadline_in_seconds"}, []any{-1000000, -172800, -172799, -1, 0, 1, 100, 86400, 259199, 259200, 604800}},
	{[]any{"trust", "checked"}, []any{true, false}},
	{[]any{"trust", "verified"}, []any{true, false}},
	{[]any{"trust", "error_code"}, []any{"", "clock_implausible", "revoked"}},
	{[]any{"control", "hold"}, []any{true, false}},
	{[]any{"control", "approved"}, []any{true, false}},
	{[]any{"control", "approved_metered"}, []any{true, false}},
	{[]any{"control", "retry_in_seconds"}, []any{0, 1, 3600}},
	{[]any{"running"}, []any{[]any{}, []any{object{"updater": "a", "kind": "install", "exclusive": false}}, []any{object{"updater": "a", "kind": "scan", "exclusive": true}}}},
	{[]any{"meta"}, []any{object{}, object{"host.since_resume_seconds": object{"state": "not_applicable"}}}},
	{[]any{"clock", "trusted"}, []any{true, false}},
	{[]any{"clock", "minute_of_day"}, []any{0, 719, 1439}},
}
