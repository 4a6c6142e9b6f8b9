package trust

import (
	"fmt"
	"slices"
	"strings"
)

// findOverlaps refuses every vendor of which an updater id or a directory could
// also be another's: nobody can say whose it is, so it is nobody's. Disabled
// and broken files count, or repairing one vendor would break another.
func (l *loader) findOverlaps() {
	names := sortedKeys(l.gen.vendors)
	for i, a := range names {
		for _, b := range names[i+1:] {
			l.findOverlap(l.gen.vendors[a], l.gen.vendors[b])
		}
	}
}

func (l *loader) findOverlap(a, b *vendor) {
	for _, sa := range a.Scopes {
		for _, sb := range b.Scopes {
			if pa, pb, found := overlap(sa.Updaters, sb.Updaters); found {
				l.overlaps(a, b, "updaters", pa, pb)
				return
			}
			if da, db, found := sharedDir(sa, sb); found {
				l.overlaps(a, b, "write", da, db)
				return
			}
		}
	}
}

func sharedDir(a, b Scope) (da, db string, found bool) {
	for _, da := range slices.Concat(a.Write, a.UnsafeWrite) {
		for _, db := range slices.Concat(b.Write, b.UnsafeWrite) {
			if nested(da, db) {
				return da, db, true
			}
		}
	}
	return "", "", false
}

func (l *loader) overlaps(a, b *vendor, what, pa, pb string) {
	for _, side := range []struct {
		v, other  *vendor
		own, that string
	}{{a, b, pa, pb}, {b, a, pb, pa}} {
		err := refuse(ErrOverlap, side.v.File, fmt.Sprintf("%s %q overlaps %q of vendor %s (%s)", what, side.own, side.that, side.other.Name, side.other.File),
			"give each to one vendor only; until then both are disabled")
		if side.v.broken == nil {
			side.v.broken = err
		}
		l.problem(side.v.Name, err)
	}
}

// overlap finds two patterns that could match one id.
func overlap(a, b []string) (pa, pb string, found bool) {
	for _, pa := range a {
		for _, pb := range b {
			prefixA, wildA := strings.CutSuffix(pa, "*")
			prefixB, wildB := strings.CutSuffix(pb, "*")
			switch {
			case pa == pb,
				wildA && strings.HasPrefix(prefixB, prefixA),
				wildB && strings.HasPrefix(prefixA, prefixB):
				return pa, pb, true
			}
		}
	}
	return "", "", false
}
