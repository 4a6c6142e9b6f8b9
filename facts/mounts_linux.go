package facts

import (
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo (proc(5)).
type mount struct {
	device, point, kind, source, options, super string
}

// parseMountinfo parses the whole file; lines it cannot read are left out.
func parseMountinfo(data string) []mount {
	var mounts []mount
	for l := range strings.Lines(data) {
		if m, ok := parseMount(strings.TrimSpace(l)); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

func parseMount(l string) (mount, bool) {
	left, right, ok := strings.Cut(l, " - ")
	a, z := strings.Fields(left), strings.Fields(right)
	if !ok || len(a) < 6 || len(z) < 2 {
		return mount{}, false
	}
	m := mount{device: a[2], point: unescapeMount(a[4]), options: a[5], kind: z[0], source: unescapeMount(z[1])}
	if len(z) > 2 {
		m.super = z[2]
	}
	return m, strings.HasPrefix(m.point, "/")
}

// unescapeMount undoes the kernel's \ooo for blanks and backslashes.
func unescapeMount(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+4 > len(s) {
			break
		}
		v, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			break
		}
		b.WriteString(s[:i])
		b.WriteByte(byte(v))
		s = s[i+4:]
	}
	return b.String() + s
}

// mountOf finds the mount that path lies on: the longest mount point wins, and
// of equal ones the last, which hides the others.
func mountOf(mounts []mount, path string) (mount, bool) {
	best, found := mount{}, false
	for _, m := range mounts {
		if onMount(path, m.point) && (!found || len(m.point) >= len(best.point)) {
			best, found = m, true
		}
	}
	return best, found
}

func onMount(path, point string) bool {
	return point == "/" || path == point || strings.HasPrefix(path, point+"/")
}

// option finds key=value in a comma separated list.
func (m mount) option(key string) string {
	for o := range strings.SplitSeq(m.super, ",") {
		if v, ok := strings.CutPrefix(o, key+"="); ok {
			return unescapeMount(v)
		}
	}
	return ""
}

// writable reports whether the mount may be written to.
func (m mount) writable() bool {
	return !hasOption(m.options, "ro") && !hasOption(m.super, "ro")
}

func hasOption(list, option string) bool {
	for o := range strings.SplitSeq(list, ",") {
		if o == option {
			return true
		}
	}
	return false
}
