//go:build linux

package facts

import (
	"math"
	"strings"
	"testing"
	"time"
)

// FuzzParsers feeds the same bytes to every parser of what the kernel, a file
// or a peer says. None may panic, and what they accept must be possible.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{
		"some avg10=0.12 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n",
		"cpu  1 2 3 4 5 6 7 8 9 10\n", "state: RUNNING\nowner_pid   : 5\n", "closed\n", "0-3,6\n", "MemTotal: 1 kB\nMemAvailable: 5 kB\n",
		"24 1 0:21 / /proc rw,relatime shared:1 - proc proc rw\n", "1 2 3 4 5 6 7 8 9 10 11",
		"Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
		`{"a": {"value": 1, "max_age_seconds": 3}}`, `{"idle_seconds": 3, "busy": {"call": 1}}`,
		"0::/user.slice/user-1000.slice/session-2.scope\n", `{"t":1790000000,"f":{"power.on_ac":true}}`, `{"a": {"type": "integer", "minimum": 0}}`,
		"ONLINE_STATE=online\n", "usage_usec 1234\n", "8:0 rbytes=1 wbytes=2 rios=3\n",
		"add@/devices/x\x00SUBSYSTEM=block\x00", `a\040b`, "12 (a) b) S 1 1 1 1 1 1 1 1 1 1 5 6 7",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := string(data)
		if v, ok := parsePSI(data, "some"); ok && (v < 0 || v > 100) {
			t.Errorf("pressure %v", v)
		}
		if busy, nice, total, ok := parseCPUStat(data); ok && busy+nice > total && total < math.MaxInt64/16 {
			t.Errorf("busy %d and %d of %d", busy, nice, total)
		}
		if running, ok := capturing(data); running && !ok || ok && !strings.HasPrefix(s, "state: ") && strings.TrimSpace(s) != "closed" {
			t.Errorf("a microphone in use: %v, of %q", running, s)
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
		for _, device := range []string{parseRoutes4(s), parseRoutes6(s)} {
			if strings.ContainsAny(device, " \t\n") {
				t.Errorf("interface %q", device)
			}
		}
		_, _ = ueventSubsystem(data), inotifyMask(data)
		sum := uint32(0)
		for _, mask := range inotifyEvents(data) {
			sum |= mask
		}
		if sum != inotifyMask(data) {
			t.Errorf("events of kinds %x, together %x", sum, inotifyMask(data))
		}
		if v, _, ok := parseUint(data); ok && v > math.MaxInt64 {
			t.Errorf("number %d", v)
		}
		if v, _, ok := parseDecimal(data); ok && (v < 0 || math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Errorf("number %v", v)
		}
		if (terminalEvent(data) || created(data)) && inotifyMask(data) == 0 {
			t.Error("an event of no kind")
		}
		if id := sessionOfCgroup(s); strings.ContainsAny(id, "/\n") {
			t.Errorf("session %q", id)
		}
		if rec, ok := parseRecord(data); ok && (rec.Facts == nil || rec.Time.Before(time.Unix(0, 0)) || rec.Time.After(endOfTime)) {
			t.Errorf("record %+v", rec)
		}
		if types, err := parseLocalTypes(data); err == nil {
			for name, d := range types {
				if d.ID != LocalFacts+"."+ID(name) || d.Min != nil && d.Max != nil && *d.Min > *d.Max {
					t.Errorf("type %q is %+v", name, d)
				}
			}
		}
		if l := findLine(s, "ONLINE_STATE="); l != "" && !strings.HasPrefix(l, "ONLINE_STATE=") {
			t.Errorf("line %q", l)
		}
		if v, ok := keyedValue(s, "usage_usec"); ok && v > math.MaxInt64 {
			t.Errorf("used %d", v)
		}
		if m, ok := parseMount(s); ok && (m.point == "" || m.point[0] != '/') {
			t.Errorf("mount point %q", m.point)
		}
		if got := unescapeMount(s); len(got) > len(s) {
			t.Errorf("%q grew to %q", s, got)
		}
		if cpu := processCPU(s); cpu < 0 || math.IsNaN(cpu) {
			t.Errorf("processor time %v", cpu)
		}
		_, _ = usedByPeople(s, s, s, s), cgroupIO(s, "8:0")
		if facts, err := parseLocal(data); err == nil {
			for name, e := range facts {
				if e.Value == nil || !localName().MatchString(name) {
					t.Errorf("local fact %q = %v", name, e.Value)
				}
			}
		}
		if m, err := parseAgentMessage(data); err == nil && m.IdleSeconds < 0 {
			t.Errorf("idle %v", m.IdleSeconds)
		}
	})
}
