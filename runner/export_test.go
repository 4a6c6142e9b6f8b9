package runner

// OnDocument has f see, and change, each input document that r assembles. It is
// called before Run.
func (r *Runner) OnDocument(f func(map[string]any)) { r.assembled = f }

// Freeze does to what is running of an updater what the user's return does.
func (r *Runner) Freeze(updater string) {
	a := r.active.get(updater)
	a.mu.Lock()
	defer a.mu.Unlock()
	r.freeze(a)
}

// Evaluations is how often OPA has evaluated the policies in force.
func (r *Runner) Evaluations() uint64 { return r.engine.Generation().Evaluations() }
