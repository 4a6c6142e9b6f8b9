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
	Peer   string  // benchmark of the peer, "" where there is none
}

var benchEngine = fromBenchmarks("./engine", []bench{
	{"engine.decide_us", "Decide", "ns/op", 1e-3, "StockOPA"},
	{"engine.decide_allocs", "Decide", "allocs/op", 1, "PlainRegoEval"},
	{"engine.recheck1000_us", "Recheck1000", "ns/op", 1e-3, ""},
	{"engine.recheck_unchanged_allocs", "RecheckUnchanged", "allocs/op", 1, ""},
	{"engine.explain_us", "Explain", "ns/op", 1e-3, ""},
})

var benchFacts = fromBenchmarks("./facts", []bench{
	{"facts.snapshot_ratio", "Snapshot", "ratio", 1, "Gopsutil"},
	{"facts.snapshot_allocs", "Snapshot", "allocs/op", 1, "Gopsutil"},
})

var benchExecute = fromBenchmarks("./runner/execute", []bench{
	{"runner.freeze_p50_ms", "Freeze", "p50-ms", 1, ""},
	{"runner.freeze_max_ms", "Freeze", "max-ms", 1, ""},
})

// From the save on, with the daemon's watching and settling.
var benchRunner = fromBenchmarks("./runner", []bench{
	{"engine.reload100_ms", "PolicyInForce", "ns/op", 1e-6, ""},
})

var benchJournal = fromBenchmarks("./runner/journal", []bench{
	{"journal.flushes_per_commit", "Append", "flushes/op", 1, ""},
})

// fromBenchmarks runs all benchmarks named in the list once.
func fromBenchmarks(dir string, list []bench) source {
	return func(ctx context.Context) (map[string]figure, error) {
		var names []string
		for _, b := range list {
			names = append(names, b.Name)
			if b.Peer != "" {
				names = append(names, b.Peer)
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
		if p, ok := got[b.Peer][b.Unit]; ok {
			f.Peer = fmt.Sprintf("%s: %.4g", b.Peer, p*b.Scale)
		}
		figures[b.Target] = f
	}
	return figures, errors.Join(errs...)
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
