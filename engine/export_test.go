package engine

import (
	"testing"
	"time"
)

// Forget drops what the generation in force has learned of its conditions.
func (e *Engine) Forget() {
	g := e.gen.Load()
	g.shapes.mu.Lock()
	defer g.shapes.mu.Unlock()
	g.shapes.byID = nil
}

// BePatient gives partial evaluation more time, for a test that counts what it
// answers on a machine that does much else.
func BePatient(t interface{ Cleanup(func()) }) {
	before := residualDeadline
	residualDeadline = 10 * time.Second
	t.Cleanup(func() { residualDeadline = before })
}

// NothingMeets leaves a long test out of the race stage.
func NothingMeets(t testing.TB) {
	if testing.Short() {
		t.Skip("the race stage's -short: no goroutines meet in it")
	}
}
