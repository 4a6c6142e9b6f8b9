package facts

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"
)

var (
	fromThrottle = &origin{"thermal_throttle", good}
	fromZones    = &origin{"thermal zones", good}
	fromCooling  = &origin{"cooling devices", assumed}
)

// thermalCollector asks who can know whether heat slows the processors down,
// best first: the throttle counters that Intel's processors have
// (Documentation/ABI/testing/sysfs-devices-system-cpu), the thermal zones
// against their trip points, and what the kernel tells the processors to do
// about heat (Documentation/driver-api/thermal/sysfs-api.rst). Most machines
// without Intel's counters have the zones; every ACPI machine has the cooling
// devices, but firmware may throttle without them.
type thermalCollector struct {
	root     *root
	looked   lookup
	blind    bool // there is no place to look for sources
	counters []throttleCounter
	zones    []thermalZone
	cooling  []*kept
	seen     time.Duration // boot time of the last increase of a counter; 0 = never
	cooler   reminder
}

type throttleCounter struct {
	file  *kept
	last  uint64
	valid bool // last was read
}

type thermalZone struct {
	temp *kept
	trip int64 // millidegrees from which the kernel slows something down
}

const cpuDir = "/sys/devices/system/cpu"

func (*thermalCollector) facts() []fact { return thermalFacts }

var thermalFacts = []fact{throttled}

// version stands for all that the fact depends on where nothing measures heat.
func (t *thermalCollector) version(now time.Duration) uint64 {
	if t.sources() > 0 || !t.looked.holds(now, 0) {
		return 0
	}
	return t.looked.times
}

func (t *thermalCollector) collect(_ context.Context, b *batch) {
	if b.unchanged(t.version(b.now.boot), t.looked.until(), thermalFacts) {
		return
	}
	if t.sources() == 0 && t.looked.due(b.now.boot, 0) { // a driver may come later than lull
		t.findCounters()
		t.findZones()
		t.findCooling()
		t.blind = !t.root.exists(cpuDir)
	}
	if t.sources() == 0 {
		if t.blind {
			b.unknown(throttled, cpuDir+" cannot be read: nobody can tell whether something measures heat")
			return
		}
		b.notApplicable(throttled, "nothing on this machine tells how hot its processors are")
		return
	}
	slowed, from := t.look(b.now.boot)
	if from == nil {
		b.unknown(throttled, "no throttle counter, thermal zone or cooling device could be read")
		return
	}
	b.bool(throttled, slowed, from)
	if slowed { // nothing tells when it ends
		t.cooler.arm(coolAgain)
	}
}

// coolAgain is how often a machine that is too hot is looked at again.
const coolAgain = 30 * time.Second

// watch wakes on the kernel's events about heat, and now and then while it is too
// hot.
func (t *thermalCollector) watch(ctx context.Context, _ []bool, wake func(...fact)) {
	if t.root.captured != nil {
		<-ctx.Done()
		return
	}
	told := func() { wake(throttled) }
	both := startBoth(func() { t.cooler.watch(ctx, told) })
	watchUevents(ctx, "thermal", told)
	both.Wait()
}

func (t *thermalCollector) sources() int { return len(t.counters) + len(t.zones) + len(t.cooling) }

// look reads every source: one that says the machine is hot is believed. from
// is the best source that answered, nil when none did.
func (t *thermalCollector) look(now time.Duration) (slowed bool, from *origin) {
	mute := false
	for _, d := range t.cooling {
		v, ok := d.integer()
		slowed, mute = slowed || ok && v > 0, mute || !ok
		if ok {
			from = fromCooling
		}
	}
	for _, z := range t.zones {
		if v, ok := z.temp.integer(); ok {
			slowed, from = slowed || v >= z.trip, fromZones
		}
	}
	for i := range t.counters {
		c := &t.counters[i]
		v, ok := c.file.integer()
		if !ok {
			continue
		}
		if c.valid && uint64(v) > c.last {
			t.seen = now
		}
		c.last, c.valid, from = uint64(v), true, fromThrottle
	}
	slowed = slowed || t.seen > 0 && now-t.seen < time.Minute
	if mute && !slowed {
		return false, nil // a processor's device does not say how much it is held back
	}
	return slowed, from
}

func (t *thermalCollector) findCounters() {
	for _, name := range t.root.list(cpuDir) {
		for _, kind := range []string{"core", "package"} {
			f := t.root.keep(cpuDir+"/"+name+"/thermal_throttle/"+kind+"_throttle_count", 32)
			if v, ok := f.integer(); ok {
				t.counters = append(t.counters, throttleCounter{f, uint64(v), true})
			}
		}
	}
}

// findZones keeps the zones that can be read and have a trip point at which
// the kernel acts.
func (t *thermalCollector) findZones() {
	const dir = "/sys/class/thermal"
	for _, name := range t.root.list(dir) {
		if !strings.HasPrefix(name, "thermal_zone") {
			continue
		}
		zone := dir + "/" + name
		trip, ok := t.lowestTrip(zone)
		f := t.root.keep(zone+"/temp", 32)
		if _, readable := f.integer(); ok && readable {
			t.zones = append(t.zones, thermalZone{f, trip})
		}
	}
}

// lowestTrip is the lowest temperature of a zone at which processors are
// slowed or the machine is turned off; "active" trips only start fans. A trip
// point of zero or less is one that firmware left out.
func (t *thermalCollector) lowestTrip(zone string) (lowest int64, found bool) {
	for i := 0; i < 64; i++ {
		point := zone + "/trip_point_" + strconv.Itoa(i)
		kind := strings.TrimSpace(t.root.slurp(point + "_type"))
		if kind == "" {
			break
		}
		v, err := strconv.ParseInt(strings.TrimSpace(t.root.slurp(point+"_temp")), 10, 32)
		if kind == "active" || err != nil || v <= 0 {
			continue
		}
		if !found || v < lowest {
			lowest, found = v, true
		}
	}
	return lowest, found
}

// findCooling keeps the cooling devices that are processors: ACPI calls them
// Processor, device trees cpufreq-cpuN.
func (t *thermalCollector) findCooling() {
	const dir = "/sys/class/thermal"
	for _, name := range t.root.list(dir) {
		if !strings.HasPrefix(name, "cooling_device") {
			continue
		}
		device := dir + "/" + name
		kind := t.root.slurp(device + "/type")
		if !strings.HasPrefix(kind, "Processor") && !strings.Contains(kind, "cpufreq") {
			continue
		}
		t.cooling = append(t.cooling, t.root.keep(device+"/cur_state", 32))
	}
}

func (t *thermalCollector) close() error {
	for _, c := range t.counters {
		c.file.close()
	}
	for _, z := range t.zones {
		z.temp.close()
	}
	for _, d := range t.cooling {
		d.close()
	}
	return nil
}

// integer reads a file that holds one number, negative ones as 0: no fact
// hangs on how cold it is.
func (k *kept) integer() (int64, bool) {
	b, err := k.read()
	if err != nil {
		return 0, false
	}
	b = bytes.TrimSpace(b)
	if len(b) > 1 && b[0] == '-' {
		_, rest, ok := parseUint(b[1:])
		return 0, ok && len(rest) == 0
	}
	v, rest, ok := parseUint(b)
	return int64(v), ok && len(rest) == 0
}
