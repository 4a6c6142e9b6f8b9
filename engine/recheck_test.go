package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lullhq/lull/engine"
)

// waiting fills a re-checker with n installs that wait for an absent user, all
// on the same facts, and returns it with those facts and with facts on which
// all of them may run.
func waiting(t testing.TB, e *engine.Engine, n int) (r *engine.Rechecker, busy, calm *engine.Input) {
	t.Helper()
	busy = input(t, e, map[string]any{"facts/presence/idle_seconds": 10, "facts/presence/locked": false})
	calm = input(t, e, nil)
	r = e.Rechecker()
	for i := range n {
		in := input(t, e, map[string]any{"action/updater": fmt.Sprint("com.example.app", i), "facts/presence/idle_seconds": 10})
		r.Set(fmt.Sprint(i), in, e.Decide(context.Background(), busy))
	}
	r.Share(busy.Facts, busy.Meta, busy.Clock)
	return r, busy, calm
}

func TestARecheckFindsWhatMayRun(t *testing.T) {
	e := open(t)
	r, busy, calm := waiting(t, e, 3)
	sameStrings(t, "while the user is there", r.Ready(context.Background()), []string{})
	r.Share(calm.Facts, calm.Meta, calm.Clock)
	sameStrings(t, "once the user is away", r.Ready(context.Background()), []string{"0", "1", "2"})
	r.Drop("1")
	sameStrings(t, "after one was dropped", r.Ready(context.Background()), []string{"0", "2"})
	r.Share(busy.Facts, busy.Meta, busy.Clock)
	sameStrings(t, "after the user came back", r.Ready(context.Background()), []string{})
}

func TestARecheckSeesTheClassOfTheMachineChange(t *testing.T) {
	e := open(t)
	r := e.Rechecker()
	slow := map[string]any{"facts/presence/idle_seconds": 400, "facts/presence/locked": false, "facts/cpu/cores": nil, "facts/storage/rotational": true, "update/deadline_in_seconds": nil}
	in := input(t, e, slow)
	r.Set("a", in, e.Decide(context.Background(), in))
	sameStrings(t, "while the cores are unknown", r.Ready(context.Background()), []string{})
	slow["facts/cpu/cores"], slow["facts/storage/rotational"] = 8, false
	fast := input(t, e, slow)
	r.Share(fast.Facts, fast.Meta, fast.Clock)
	sameStrings(t, "once the machine is known to be fast", r.Ready(context.Background()), []string{"a"})
}

// A condition that was met for a while while another was not is in the way since
// it was found unmet again; a later decision and another group do not forget it.
func TestARecheckTellsSinceWhenAConditionIsInTheWayAgain(t *testing.T) {
	e, ctx := open(t), context.Background()
	at := func(unix int, idle int) *engine.Input {
		return input(t, e, map[string]any{"clock/unix_seconds": unix, "facts/presence/idle_seconds": idle, "facts/presence/locked": false,
			"facts/power/on_ac": false, "update/deadline_in_seconds": nil})
	}
	first := at(1000, 5)
	r := e.Rechecker()
	r.Set("a", first, e.Decide(ctx, first))
	look := func(unix, idle int) *engine.Input {
		in := at(unix, idle)
		r.Share(in.Facts, in.Meta, in.Clock)
		sameStrings(t, "on battery", r.Ready(ctx), []string{})
		return in
	}
	look(1010, 8)
	if got := r.Since("a"); len(got) != 0 {
		t.Errorf("nothing was ever met: got %v", got)
	}
	look(2000, 900) // away
	back := look(3000, 3)
	look(3500, 7)
	want := time.Unix(3000, 0)
	if got := r.Since("a"); len(got) != 1 || !got["user_away"].Equal(want) {
		t.Errorf("got %v, want user_away since it was found unmet again", got)
	}
	r.Set("a", back, e.Decide(ctx, back))
	if got := r.Since("a"); len(got) != 1 || !got["user_away"].Equal(want) {
		t.Errorf("after another decision: got %v, want the same", got)
	}
	if got := r.Since("nobody"); len(got) != 0 {
		t.Errorf("of what is not watched: got %v", got)
	}
}

func TestARecheckOfUnchangedFactsAllocatesNothing(t *testing.T) {
	r, _, _ := waiting(t, open(t), 100)
	r.Ready(context.Background())
	if n := testing.AllocsPerRun(100, func() { r.Ready(context.Background()) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkRecheckUnchanged(b *testing.B) {
	r, _, _ := waiting(b, open(b), 1000)
	r.Ready(context.Background())
	b.ReportAllocs()
	for b.Loop() {
		r.Ready(context.Background())
	}
}

// BenchmarkRecheck1000 shares fresh facts among 1,000 waiting actions and
// checks all of them.
func BenchmarkRecheck1000(b *testing.B) {
	e := open(b)
	r, busy, _ := waiting(b, e, 1000)
	other := input(b, e, map[string]any{"facts/presence/idle_seconds": 20, "facts/presence/locked": false})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		facts := busy.Facts
		if i%2 == 0 {
			facts = other.Facts
		}
		r.Share(facts, busy.Meta, busy.Clock)
		if len(r.Ready(context.Background())) != 0 {
			b.Fatal("nobody may run while the user is there")
		}
	}
}

// What only OPA can tell of the shared facts it is asked once a wake, however many
// actions wait for it; what it can tell of an action's own sections, once an action.
func TestAThousandWaitingActionsCostOneEvaluation(t *testing.T) {
	engine.NothingMeets(t)
	engine.BePatient(t)
	ctx := context.Background()
	e := open(t, files(map[string]string{
		"mine.rego": `package eligibility

met contains "mine" if {
	abs(input.facts.cpu.busy_ratio - input.facts.storage.io_queue_depth) < 0.3
	startswith(input.action.updater, "com.")
}
`,
		"requirements/data.yaml": "wait_unless: {any: {mine: true}}\n",
	}))
	apart := input(t, e, map[string]any{"facts/cpu/busy_ratio": 0.1, "facts/storage/io_queue_depth": 0.45})
	still := input(t, e, map[string]any{"facts/cpu/busy_ratio": 0.05, "facts/storage/io_queue_depth": 0.46})
	close := input(t, e, map[string]any{"facts/cpu/busy_ratio": 0.1, "facts/storage/io_queue_depth": 0.2})
	r := e.Rechecker()
	for i := range 1000 {
		in := *apart
		in.Action = input(t, e, map[string]any{"action/updater": fmt.Sprint("com.example.app", i)}).Action
		r.Set(fmt.Sprint(i), &in, engine.Decision{Verdict: engine.Wait, WaitsFor: []string{"mine"}})
	}
	if d := e.Decide(ctx, apart); len(d.WaitsFor) != 1 || d.WaitsFor[0] != "mine" {
		t.Fatalf("got %+v, want a wait for mine", d)
	}
	if got := r.Ready(ctx); len(got) != 0 {
		t.Errorf("while the two are apart: got %d ready, want none", len(got))
	}
	before := e.Generation().Evaluations()
	for _, tt := range []struct {
		in   *engine.Input
		want int
	}{{still, 0}, {close, 1000}, {apart, 0}} {
		r.Share(tt.in.Facts, tt.in.Meta, tt.in.Clock)
		if got := r.Ready(ctx); len(got) != tt.want {
			t.Errorf("got %d ready, want %d", len(got), tt.want)
		}
	}
	if asked := e.Generation().Evaluations() - before; asked != 3 {
		t.Errorf("three wakes cost %d evaluations, want one each", asked)
	}
}

// A condition that looks through the whole input has a residual for each
// action of its own.
func TestAConditionThatReadsTheWholeInputIsCompiledForEachAction(t *testing.T) {
	e := open(t, files(map[string]string{
		"mine.rego": `package eligibility

met contains "mine" if {
	some section in ["action", "update"]
	input[section].restart == "none"
	input.facts.presence.idle_seconds >= 100
}
`,
		"requirements/data.yaml": "wait_unless: {any: {mine: true}}\n",
	}))
	ctx := context.Background()
	for _, tt := range []struct {
		restart string
		ready   int
	}{{"none", 1}, {"system", 0}, {"none", 1}} {
		in := input(t, e, map[string]any{"update/restart": tt.restart, "facts/presence/idle_seconds": 50})
		r := e.Rechecker()
		r.Set("one", in, e.Decide(ctx, in))
		calm := input(t, e, nil)
		r.Share(calm.Facts, calm.Meta, calm.Clock)
		if got := r.Ready(ctx); len(got) != tt.ready {
			t.Errorf("restart %s: got %v, want %d of them", tt.restart, got, tt.ready)
		}
	}
}
