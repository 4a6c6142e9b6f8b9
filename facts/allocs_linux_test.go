//go:build !race

package facts

import (
	"context"
	"testing"
	"time"
)

// The race detector has what it watches allocated.
func TestASnapshotOfHotFactsAllocatesOnce(t *testing.T) {
	g := hotGatherer(t)
	time.Sleep(minLook)
	least := 1e9
	for range 5 { // once a second a service is asked whether it is still there
		least = min(least, testing.AllocsPerRun(50, func() { g.Snapshot(context.Background(), hot, Target{Path: "/"}) }))
	}
	if least > 1 {
		t.Errorf("got %v allocations, want at most 1", least)
	}
}
