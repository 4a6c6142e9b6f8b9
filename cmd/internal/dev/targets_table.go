package main

import "strings"

// targets is DESIGN's table. CI gates on allocations and counts only, in the
// rooms' own tests; seconds depend on the machine and are shown, never gated.
var targets = []target{
	{"facts.snapshot_ratio", "all facts of the default policies ÷ the bare system calls", 1.15, "gopsutil: 67 µs", benchFacts},
	{"facts.snapshot_allocs", "allocations of that snapshot", 1, "gopsutil: 343", benchFacts},
	{"engine.decide_us", "one full decision, default policies, µs of processor time", 100, "rego.Eval on map input", benchEngine},
	{"engine.decide_allocs", "allocations of that decision", 600, "rego.Eval on map input: 711 to 838", benchEngine},
	{"engine.recheck1000_us", "re-check of 1,000 waiting actions, µs", 500, "one OPA query each: 100 ms and more", benchEngine},
	{"engine.recheck_unchanged_allocs", "allocations of a re-check when no read fact changed", 0, "", benchEngine},
	{"engine.explain_us", "what must change, µs of processor time", 1500, "nobody", benchEngine},
	{"engine.explain_first_us", "the same of a kind of action that was never explained", 1500, "nobody", benchEngine},
	{"engine.reload100_ms", "policy saved to policy in force, 100 files, ms", 300, "", benchRunner},
	{"trust.verify1g_cpu_ratio", "CPU to verify 1 GiB ÷ openssl dgst -sha256 -verify", 1.05, "", verify1G},
	{"trust.verify1g_rss_mb", "peak memory of that above lull version, MB", 25, "cosign: 1.1 GB", verify1G},
	{"trust.verify1g_reads", "reads of each byte", 1.01, "", verify1G},
	{"runner.freeze_p50_ms", "user returns to every process frozen, median ms", 15, "nobody", benchExecute},
	{"runner.freeze_max_ms", "the same, worst case", 100, "nobody", benchExecute},
	{"runner.foreground_ratio", "foreground work beside a running install ÷ alone", 1.10, "", unmeasured("needs a throttled disk and a controller for it, which few machines lend to a test")},
	{"journal.flushes_per_commit", "flushes to disk for one record", 1, "bbolt 2, atomic JSON 2", benchJournal},
	{"start.first_decision_ms", "process start to first decision, median ms", 25, "OPA server: 21 to 48", firstDecision},
	{"idle.switches_per_hour", "context switches of a waiting daemon beyond those of a blocked Go program, an hour", 120, "", idle},
	{"idle.anon_mb", "anonymous memory of a waiting daemon, MB", 8, "", idle},
	{"idle.rss_mb", "resident memory of a waiting daemon, MB", 32, "OPA runtime: 33", idle},
	{"idle.rss_trimmed_mb", "the same after the kernel took back what it can, MB", 12, "", unmeasured("needs a cgroup with a memory controller to reclaim from")},
}

// sourceName groups the targets that one run of a source measures.
func sourceName(t target) string {
	switch room, rest, _ := strings.Cut(t.Name, "."); {
	case room == "runner" && strings.HasPrefix(rest, "freeze"):
		return "runner.freeze"
	case room == "runner" || rest == "rss_trimmed_mb" || rest == "reload100_ms":
		return t.Name
	default:
		return room
	}
}
