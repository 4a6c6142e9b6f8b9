package runner

// OnDocument has f see, and change, each input document that r assembles. It is
// called before Run.
func (r *Runner) OnDocument(f func(map[string]any)) { r.assembled = f }
