package journal

import (
	"testing"
	"time"
)

// BenchmarkAppend is target journal.flushes_per_commit.
func BenchmarkAppend(b *testing.B) {
	j, err := Open(Options{Dir: b.TempDir(), CheckpointEvery: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	before := j.Flushes()
	for n := 0; b.Loop(); n++ {
		if _, err := j.Append("started", body{N: n}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(j.Flushes()-before)/float64(b.N), "flushes/op")
}

// BenchmarkOpen10000 opens and replays 10,000 records of the size of a
// decision with its facts.
func BenchmarkOpen10000(b *testing.B) {
	dir := memoryDir(b)
	j, err := Open(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	for n := range 10_000 {
		if _, err := j.Append("decided", body{N: n, Text: string(make([]byte, 150))}); err != nil {
			b.Fatal(err)
		}
	}
	j.Close()
	for b.Loop() {
		start := time.Now()
		j, err := Open(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range j.Records(0) {
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/replay")
		j.Close()
	}
}
