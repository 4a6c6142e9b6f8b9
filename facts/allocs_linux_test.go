//go:build !race

package facts

import "testing"

// The race detector has what it watches allocated.
func TestASnapshotOfHotFactsAllocatesOnce(t *testing.T) {
	if least := leastAllocs(hotGatherer(t), testing.AllocsPerRun); least > 1 {
		t.Errorf("got %v allocations, want at most 1", least)
	}
}
