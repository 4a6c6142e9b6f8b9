package facts

import "testing"

// For the tests that also import package agent, which imports this one.
var (
	NewTestBus = newTestBus
	WaitFor    = waitFor
)

const LogindName = logindName

// OnHost has g look at this machine though it is a container.
func OnHost(g *Gatherer) {
	for _, c := range g.collectors {
		if p, ok := c.(*presenceCollector); ok {
			p.root.container = func() bool { return false }
		}
	}
}

// Watched waits until somebody who watches has been heard.
func Watched(t *testing.T, g *Gatherer) {
	t.Helper()
	for _, c := range g.collectors {
		if p, ok := c.(*presenceCollector); ok {
			waitFor(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.wakers) > 0 })
		}
	}
}
