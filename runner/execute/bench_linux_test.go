package execute

import "testing"

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
