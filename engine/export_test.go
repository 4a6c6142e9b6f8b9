package engine

// Forget drops what the generation in force has learned of its conditions.
func (e *Engine) Forget() {
	g := e.gen.Load()
	g.shapes.mu.Lock()
	defer g.shapes.mu.Unlock()
	g.shapes.byID = nil
}
