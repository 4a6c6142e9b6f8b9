package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A bench reads one target from a benchmark of the room: the benchmarks live
// beside the code they measure, and their peers in the same run.
type bench struct {
	Target string
	Name   string  // benchmark, without "Benchmark"
	Unit   string  // of the figure wanted: "ns/op", "allocs/op", or the room's own metric
	Scale  float64 // from that unit to the target's
	Peers  []peer  // what is measured beside it
}

// A peer is a figure of the same run for comparison, on the target's scale.
type peer struct{ Bench, Unit string }

var benchEngine = fromBenchmarks("./engine", []bench{
	{"engine.decide_us", "DecideCPU", "cpu-ns/decision", 1e-3, []peer{{"DecideCPU", "cpu-ns/rego.Eval"}, {"StockOPA", "ns/op"}, {"Decide", "ns/op"}}},
	{"engine.decide_allocs", "Decide", "allocs/op", 1, []peer{{"PlainRegoEval", "allocs/op"}}},
	{"engine.recheck1000_us", "Recheck1000", "ns/op", 1e-3, nil},
	{"engine.recheck_unchanged_allocs", "RecheckUnchanged", "allocs/op", 1, nil},
	{"engine.explain_us", "ExplainCPU", "cpu-ns/explanation", 1e-3, nil},
	{"engine.explain_first_us", "ExplainCPU", "cpu-ns/first", 1e-3, nil},
})

var benchFacts = fromBenchmarks("./facts", []bench{
	{"facts.snapshot_ratio", "Snapshot", "ratio", 1, []peer{{"Snapshot", "cpu-ns/snapshot"}, {"Snapshot", "cpu-ns/bare"}}},
	{"facts.snapshot_allocs", "Snapshot", "allocs/op", 1, []peer{{"Gopsutil", "allocs/op"}}},
})

var benchExecute = fromBenchmarks("./runner/execute", []bench{
	{"runner.freeze_p50_ms", "Freeze", "p50-ms", 1, nil},
	{"runner.freeze_max_ms", "Freeze", "max-ms", 1, nil},
})

// From the save on, with the daemon's watching and settling.
var benchRunner = fromBenchmarks("./runner", []bench{
	{"engine.reload100_ms", "PolicyInForce", "ns/op", 1e-6, nil},
})

var benchJournal = fromBenchmarks("./runner/journal", []bench{
	{"journal.flushes_per_commit", "Append", "flushes/op", 1, nil},
})

// fromBenchmarks runs all benchmarks named in the list once.
func fromBenchmarks(dir string, list []bench) source {
	return func(ctx context.Context) (map[string]figure, error) {
		var names []string
		for _, b := range list {
			names = append(names, b.Name)
			for _, p := range b.Peers {
				names = append(names, p.Bench)
			}
		}
		out, err := output(ctx, nil, "go", "test", "-run=^$", "-benchmem", "-cpu=1",
			"-bench=^Benchmark("+strings.Join(names, "|")+")$", dir)
		if err != nil {
			return nil, err
		}
		return pick(readBenchmarks(out), dir, list)
	}
}

// pick finds the figures that the list wants.
func pick(got map[string]map[string]float64, dir string, list []bench) (map[string]figure, error) {
	figures := map[string]figure{}
	var errs []error
	for _, b := range list {
		v, ok := got[b.Name][b.Unit]
		if !ok {
			errs = append(errs, fmt.Errorf("%s has no Benchmark%s that reports %s", dir, b.Name, b.Unit))
			continue
		}
		f := figure{Value: v * b.Scale}
		var peers []string
		for _, p := range b.Peers {
			if v, ok := got[p.Bench][p.Unit]; ok {
				peers = append(peers, fmt.Sprintf("%s: %.4g", p.name(), v*b.Scale))
			}
		}
		f.Peer = strings.Join(peers, ", ")
		figures[b.Target] = f
	}
	return figures, errors.Join(errs...)
}

// name is the peer's own where its unit says it, else its benchmark's.
func (p peer) name() string {
	if own, ok := strings.CutPrefix(p.Unit, "cpu-ns/"); ok {
		return own
	}
	if p.Unit == "ns/op" {
		return p.Bench + " in wall time"
	}
	return p.Bench
}

// readBenchmarks reads the lines of `go test -bench`: a name, a count, then
// pairs of value and unit.
func readBenchmarks(out []byte) map[string]map[string]float64 {
	got := map[string]map[string]float64{}
	for _, line := range lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		units := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				units[fields[i+1]] = v
			}
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "-")
		got[name] = units
	}
	return got
}

// unmeasured is the source of a target that cannot be measured here.
func unmeasured(why string) source {
	return func(context.Context) (map[string]figure, error) { return nil, errors.New(why) }
}
