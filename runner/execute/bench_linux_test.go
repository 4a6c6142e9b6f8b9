package execute

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkStart is one whole attempt of a program that does nothing: two
// re-executions of this binary, all layers, marks on disk, and the end of the tree.
func BenchmarkStart(b *testing.B) {
	x := newExecutor(b)
	dir := openDir(b)
	for b.Loop() {
		s := specIn(b, dir)
		p := begun(b, x, s, fake{dir: "/usr/bin", path: "/usr/bin/true"})
		p.Wait()
		x.Forget(s.ID)
	}
}

// BenchmarkFreeze is what the returning user waits for: 21 processes that keep
// every core busy, from the order until all stand still.
func BenchmarkFreeze(b *testing.B) {
	x, dir := newExecutor(b), openDir(b)
	s := specIn(b, dir)
	s.MaxSeconds, s.Tasks, s.MemoryBytes = 300, 2000, 4<<30
	p := begun(b, x, s, behaving(b, "children", "20"))
	<-p.Events()
	var took []time.Duration
	for b.Loop() {
		at := time.Now()
		if err := p.Freeze(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(at))
		if err := p.Thaw(); err != nil {
			b.Fatal(err)
		}
	}
	_ = p.Kill()
	p.Wait()
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)-1]), "max-ms")
}
