//go:build linux

package facts

import (
	"math"
	"testing"
	"time"
)

// FuzzParsers feeds the same bytes to every parser of what the kernel, a file
// or a peer says. None may panic, and what they accept must be possible.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{
		"some avg10=0.12 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n",
		"cpu  1 2 3 4 5 6 7 8 9 10\n", "0-3,6\n", "MemTotal: 1 kB\nMemAvailable: 5 kB\n",
		"24 1 0:21 / /proc rw,relatime shared:1 - proc proc rw\n", "1 2 3 4 5 6 7 8 9 10 11",
		"Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
		`{"a": {"value": 1, "max_age_seconds": 3}}`, `{"idle_seconds": 3, "busy": {"call": 1}}`,
		"add@/devices/x\x00SUBSYSTEM=block\x00", `a\040b`, "12 (a) b) S 1 1 1 1 1 1 1 1 1 1 5 6 7",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := string(data)
		if v, ok := parsePSI(data, "some"); ok && (v < 0 || v > 100) {
			t.Errorf("pressure %v", v)
		}
		if busy, total, ok := parseCPUStat(data); ok && busy > total && total < math.MaxInt64/16 {
			t.Errorf("busy %d of %d", busy, total)
		}
		if n := countCPUs(s); n < 0 {
			t.Errorf("%d processors", n)
		}
		if v, ok := parseMeminfo(data, "MemAvailable:"); ok && v < 0 {
			t.Errorf("%d bytes", v)
		}
		for _, m := range parseMountinfo(s) {
			if m.point == "" || m.point[0] != '/' {
				t.Errorf("mount point %q", m.point)
			}
		}
		if a, ok := parseDiskStat(data); ok {
			if d, b, ok := diskRate(diskLook{ok: true}, diskLook{diskStat: a, ok: true, at: time.Second}); ok && (d < 0 || b < 0 || b > 1) {
				t.Errorf("depth %v busy %v", d, b)
			}
		}
		if last := lastEvent(data, time.Hour); last > time.Hour || last < 0 {
			t.Errorf("event at %v", last)
		}
		_, _ = parseRoutes4(s), parseRoutes6(s)
		_, _ = ueventSubsystem(data), inotifyMask(data)
		_, _ = usedByPeople(s, s, s, s), cgroupIO(s, "8:0")
		_ = processCPU(s)
		if facts, err := parseLocal(data); err == nil {
			for name, e := range facts {
				if e.Value == nil || !localName.MatchString(name) {
					t.Errorf("local fact %q = %v", name, e.Value)
				}
			}
		}
		if m, err := parseAgentMessage(data); err == nil && m.IdleSeconds < 0 {
			t.Errorf("idle %v", m.IdleSeconds)
		}
	})
}
