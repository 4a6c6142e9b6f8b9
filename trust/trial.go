package trust

import (
	"maps"
	"path/filepath"
	"strings"
)

// TryVendor tells what putting a vendor file in force would break, and stores
// nothing: its own faults, those of the keys beside it, and scopes that overlap
// another vendor's, which would disable both. An empty list means that the
// vendor would be in force. A file of the same name that is in force already
// does not count. The file may belong to anybody, as it is not believed yet.
func (t *Trust) TryVendor(path string) (*Vendor, []Problem) {
	l := t.newLoader()
	l.own = l.own.from(rootOf(path))
	l.own.anybody = true
	maps.Copy(l.gen.vendors, t.current().vendors)
	name := strings.TrimSuffix(filepath.Base(path), ".yaml")
	delete(l.gen.vendors, name)
	v := l.loadVendor(name, path)
	for _, other := range sortedKeys(l.gen.vendors) {
		copied := *l.gen.vendors[other] // overlaps are noted in both
		l.findOverlap(v, &copied)
	}
	var mine []Problem
	for _, p := range l.gen.problems {
		if p.Vendor == name {
			mine = append(mine, p)
		}
	}
	return &v.Vendor, mine
}
