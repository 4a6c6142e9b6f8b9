package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lullhq/lull/policies"
)

// A writer makes up rules as an administrator might write them, careful or not:
// legal Rego of all forms, not only of those that the check lets pass.
type writer struct {
	*rand.Rand
	helpers strings.Builder
	names   int
}

var (
	numbers = []string{"facts.presence.idle_seconds", "facts.cpu.busy_ratio", "facts.storage.io_queue_depth", "facts.storage.free_bytes",
		"facts.cpu.cores", "clock.minute_of_day", "clock.unix_seconds", "update.waited_seconds", "update.deadline_in_seconds",
		"action.disk_bytes", "updater.failures", "control.retry_in_seconds"}
	truths = []string{"facts.power.on_ac", "facts.presence.locked", "facts.network.online", "facts.storage.rotational", "control.approved",
		"control.hold", "action.pausable", "trust.verified", "clock.trusted"}
	words = map[string][]string{
		"action.kind":    {"install", "scan", "restart"},
		"clock.weekday":  {"Saturday", "Sunday", "Monday"},
		"update.restart": {"none", "app", "system"}, "trust.error_code": {"", "digest_mismatch"},
	}
	wordPaths = []string{"action.kind", "clock.weekday", "update.restart", "trust.error_code"}
	busyWords = []string{"call", "game", "fullscreen"}
)

// generated is one administrator's layer of n conditions, all of them required.
func generated(rnd *rand.Rand, n int) (fstest.MapFS, []string) {
	w := &writer{Rand: rnd}
	var rules strings.Builder
	names := make([]string, 0, n)
	for i := range n {
		name := fmt.Sprintf("r%d", i)
		names = append(names, name)
		for range 1 + w.IntN(2) {
			fmt.Fprintf(&rules, "met contains %q if {\n%s}\n\n", name, w.body(2))
		}
	}
	return fstest.MapFS{
		"mine.rego":              {Data: []byte("package eligibility\n\n" + rules.String() + w.helpers.String())},
		"requirements/data.yaml": {Data: []byte("wait_unless:\n  any: {" + strings.Join(names, ": true, ") + ": true}\n")},
	}, names
}

// body is one to three expressions, one a line.
func (w *writer) body(depth int) string {
	var b strings.Builder
	for range 1 + w.IntN(3) {
		b.WriteString("\t" + w.expr(depth) + "\n")
	}
	return b.String()
}

func (w *writer) pick(from []string) string { return from[w.IntN(len(from))] }
func (w *writer) fact(from []string) string { return "input." + w.pick(from) }
func (w *writer) compares() string          { return w.pick([]string{">=", ">", "<=", "<", "==", "!="}) }
func (w *writer) constant() string {
	return w.pick([]string{"0", "1", "2", "60", "300", "599.5", "1200", "-3", "0.2", "0.5", "1000000000", "data.thresholds.cpu_busy_ratio"})
}

func (w *writer) name(prefix string) string {
	w.names++
	return fmt.Sprintf("%s_%d", prefix, w.names)
}

func (w *writer) expr(depth int) string {
	forms := []func(int) string{w.number, w.arithmetic, w.truth, w.word, w.list, w.window, w.local, w.open}
	if depth > 0 {
		forms = append(forms, w.helper, w.otherwise, w.function, w.every, w.comprehension)
	}
	return forms[w.IntN(len(forms))](depth)
}

func (w *writer) number(int) string {
	if w.IntN(3) == 0 {
		return w.constant() + " " + w.compares() + " " + w.fact(numbers)
	}
	return w.fact(numbers) + " " + w.compares() + " " + w.constant()
}

func (w *writer) arithmetic(int) string {
	a, b := w.fact(numbers), w.fact(numbers)
	sum := []string{a + " + 60", "10 + " + a, a + " - 5", "300 - " + a, a + " * 2", a + " - " + b, a + " + " + b, a + " / 2",
		"abs(" + a + ")", "max([" + a + ", 60])", "round(" + a + ")", "-1 * " + a, a + " + 0.5"}
	return w.pick(sum) + " " + w.compares() + " " + w.pick([]string{w.constant(), b})
}

func (w *writer) truth(int) string {
	p := w.fact(truths)
	return w.pick([]string{p + " == true", p + " == false", p + " != true", p, "not " + p, "not " + p + " == true", "true == " + p, p + " == " + w.fact(truths)})
}

func (w *writer) word(int) string {
	path := w.pick(wordPaths)
	p, v := "input."+path, w.pick(words[path])
	return w.pick([]string{
		fmt.Sprintf("%s == %q", p, v), fmt.Sprintf("%s != %q", p, v), fmt.Sprintf("%q == %s", v, p), fmt.Sprintf("%s in {%q, \"x\"}", p, v),
		fmt.Sprintf("%s in [%q]", p, v), fmt.Sprintf("not %s in {%q}", p, v), fmt.Sprintf("startswith(%s, %q)", p, v),
		fmt.Sprintf("{%q: 60, \"scan\": 0}[%s] <= %s", v, p, w.fact(numbers)), fmt.Sprintf("count(%s) > 4", p), fmt.Sprintf("%s >= %q", p, v),
	})
}

func (w *writer) list(int) string {
	v := w.pick(busyWords)
	return w.pick([]string{
		fmt.Sprintf("%q in input.facts.presence.busy", v), fmt.Sprintf("not %q in input.facts.presence.busy", v), "count(input.facts.presence.busy) == 0",
		"count(input.running) < 2", fmt.Sprintf("input.facts.presence.busy[_] == %q", v), "input.running[_].exclusive == false", `input.facts.presence.busy == []`,
		"input.running[0].kind == input.action.kind",
	})
}

// window is a stretch of the day; where it begins later than it ends, it spans midnight.
func (w *writer) window(int) string {
	a, b := w.IntN(1440), w.IntN(1440)
	if a < b {
		return fmt.Sprintf("input.clock.minute_of_day >= %d\n\tinput.clock.minute_of_day < %d", a, b)
	}
	name := w.name("night")
	fmt.Fprintf(&w.helpers, "%s if input.clock.minute_of_day >= %d\n\n%s if input.clock.minute_of_day < %d\n\n", name, a, name, b)
	return name
}

func (w *writer) local(int) string {
	v := w.name("v")
	return fmt.Sprintf("%s := %s\n\t%s %s %s", v, w.fact(numbers), v, w.compares(), w.constant())
}

// open are references and built-ins whose outcome no schema foretells.
func (w *writer) open(int) string {
	v := w.name("v")
	return w.pick([]string{
		fmt.Sprintf("object.get(input.facts.presence, \"idle_seconds\", %s) >= 60", w.constant()), "is_number(" + w.fact(numbers) + ")",
		fmt.Sprintf("some %s\n\tinput.facts.power[%s] == true", v, v), "input.facts[\"power\"].on_ac == true", "input.meta[\"power.on_ac\"].state == \"unknown\"",
		fmt.Sprintf("some %s in [1, 60, 300]\n\t%s <= %s", v, v, w.fact(numbers)), "not input.update", "input.facts.power", `sprintf("%v", [` + w.fact(truths) + `]) == "true"`,
	})
}

// helper is a rule of its own, with alternatives; asked for, or negated.
func (w *writer) helper(depth int) string {
	name := w.name("helper")
	for range 1 + w.IntN(2) {
		body := w.body(depth - 1)
		fmt.Fprintf(&w.helpers, "%s if {\n%s}\n\n", name, body)
	}
	if w.IntN(3) == 0 {
		fmt.Fprintf(&w.helpers, "default %s := false\n\n", name)
		return w.pick([]string{name, "not " + name, name + " == false"})
	}
	return w.pick([]string{name, "not " + name, name + " with input.control.approved as true"})
}

func (w *writer) otherwise(depth int) string {
	name, first, second := w.name("limit"), w.body(depth-1), w.body(depth-1)
	fmt.Fprintf(&w.helpers, "%s := 10 if {\n%s} else := 500 if {\n%s}", name, first, second)
	if w.IntN(2) == 0 {
		w.helpers.WriteString(" else := 1000")
	}
	w.helpers.WriteString("\n\n")
	return name + " " + w.compares() + " " + w.fact(numbers)
}

func (w *writer) function(int) string {
	name := w.name("enough")
	fmt.Fprintf(&w.helpers, "%s(x, y) if x >= y\n\n%s(x, _) if x == %s\n\n", name, name, w.constant())
	return w.pick([]string{"", "not "}) + fmt.Sprintf("%s(%s, %s)", name, w.fact(numbers), w.constant())
}

func (w *writer) every(int) string {
	v := w.name("x")
	return w.pick([]string{
		fmt.Sprintf("every %s in input.running { %s.exclusive == false }", v, v), fmt.Sprintf("every %s in input.facts.presence.busy { %s != %q }", v, v, w.pick(busyWords)),
		fmt.Sprintf("every %s in [1, 60] { %s %s %s }", v, w.fact(numbers), w.compares(), v),
		fmt.Sprintf("every %s in input.running { %s.kind in {\"scan\", input.action.kind} }", v, v),
	})
}

func (w *writer) comprehension(int) string {
	v := w.name("x")
	return w.pick([]string{
		fmt.Sprintf("count([%s | some %s in input.running; %s.kind == \"install\"]) < 1", v, v, v),
		fmt.Sprintf("count({%s | some %s in input.facts.presence.busy} - {%q}) == 0", v, v, w.pick(busyWords)),
		fmt.Sprintf("{%s | some %s in input.facts.presence.busy} == {%q}", v, v, w.pick(busyWords)),
		fmt.Sprintf("count([1 | %s >= %s]) == 1", w.fact(numbers), w.constant()),
		fmt.Sprintf("sum([%s | some %s in [%s, 1]]) > 2", v, v, w.fact(numbers)),
	})
}

// withGenerated opens the shipped policies with a generated layer over them. A
// set that does not load, as one that would run on nothing, is drawn again.
func withGenerated(t testing.TB, rnd *rand.Rand, n int) (*Engine, []string) {
	t.Helper()
	var last error
	for range 200 {
		layer, names := generated(rnd, n)
		e, err := New(context.Background(), Options{Deadline: 10 * time.Second, Layers: func() []Layer {
			return []Layer{{"embedded", policies.FS}, {"etc", layer}}
		}})
		if err == nil {
			return e, names
		}
		last = fmt.Errorf("%w\n%s", err, layer["mine.rego"].Data)
	}
	t.Fatal("no generated set loads: ", last)
	return nil, nil
}
