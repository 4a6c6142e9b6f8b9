package engine_test

import (
	"context"
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lullhq/lull/engine"
)

// BenchmarkDecideCPU is one full decision with the default policies beside
// rego.Eval of a prepared query on the same input as a map, in turn, in the
// processor time of the thread: on a machine that others use, too, wall time
// says more of them than of the evaluator.
func BenchmarkDecideCPU(b *testing.B) {
	e := open(b)
	in := input(b, e, map[string]any{"facts/presence/idle_seconds": 60})
	plain, doc := plainRego(b), document(b, map[string]any{"facts/presence/idle_seconds": json.Number("60")})
	ctx := context.Background()
	runtime.LockOSThread() // the clock is the thread's
	defer runtime.UnlockOSThread()
	ours, theirs := time.Hour, time.Hour
	const turn = 16
	for b.Loop() {
		began := threadTime()
		for range turn {
			if d := e.Decide(ctx, in); d.Verdict != engine.Wait {
				b.Fatal(d)
			}
		}
		half := threadTime()
		for range turn {
			plain(doc)
		}
		ours, theirs = min(ours, half-began), min(theirs, threadTime()-half)
	}
	b.ReportMetric(float64(ours)/turn, "cpu-ns/decision")
	b.ReportMetric(float64(theirs)/turn, "cpu-ns/rego.Eval")
}

// BenchmarkExplainCPU explains what was explained before, and what never was
// since the policies were loaded, in turn and in processor time.
func BenchmarkExplainCPU(b *testing.B) {
	e := open(b)
	in := input(b, e, map[string]any{"facts/presence/idle_seconds": 10, "facts/presence/locked": false, "facts/power/on_ac": false})
	ctx := context.Background()
	e.Decide(ctx, in)
	d := e.Decide(ctx, in) // by the plan, as a daemon does
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	first, again := time.Hour, time.Hour
	for b.Loop() {
		e.Forget()
		began := threadTime()
		e.Explain(ctx, in, d)
		half := threadTime()
		e.Explain(ctx, in, d)
		first, again = min(first, half-began), min(again, threadTime()-half)
	}
	b.ReportMetric(float64(first), "cpu-ns/first")
	b.ReportMetric(float64(again), "cpu-ns/explanation")
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}
