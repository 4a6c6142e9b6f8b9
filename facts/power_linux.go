package facts

import (
	"context"
	"strconv"
)

// powerCollector reads /sys/class/power_supply
// (Documentation/ABI/testing/sysfs-class-power) and the power profile.
type powerCollector struct {
	root *root
	bus  *bus
}

func (*powerCollector) facts() []fact { return powerFacts }

var powerFacts = []fact{onAC, powerSource, batteryPercent, saver, lidClosed}

var (
	fromSupplies   = &origin{"power_supply", good}
	fromNoSupplies = &origin{"power_supply of a guest", assumed}
	fromProfile    = &origin{"power profile", good}
	fromPlatform   = &origin{"platform profile", good}
	fromLogind     = &origin{"logind", good}
)

const supplyDir = "/sys/class/power_supply"

func (p *powerCollector) collect(ctx context.Context, b *batch) {
	if b.wantsAny(onAC, powerSource, batteryPercent) {
		p.collectSupplies(b)
	}
	if b.wants(saver) {
		p.collectSaver(ctx, b)
	}
	if b.wants(lidClosed) {
		p.collectLid(ctx, b)
	}
}

func (p *powerCollector) collectSupplies(b *batch) {
	names, err := p.root.readDir(supplyDir)
	if err != nil && p.root.captured == nil { // an archive has no empty directories
		b.unknownAll(whyNot(supplyDir, err), onAC, powerSource, batteryPercent)
		return
	}
	supplies := make([]supply, len(names))
	for i, name := range names {
		supplies[i] = readSupply(p.root, supplyDir+"/"+name)
	}
	o := fromSupplies
	if len(names) == 0 && (p.root.container() || p.root.virtual()) {
		o = fromNoSupplies // the host below may run on battery
	}
	storePower(b, supplies, o)
}

func readSupply(r *root, dir string) supply {
	s := supply{name: dir, kind: r.slurp(dir + "/type"), scope: r.slurp(dir + "/scope"), status: r.slurp(dir + "/status"),
		online: number(r.slurp(dir + "/online")), capacity: number(r.slurp(dir + "/capacity"))}
	if full := number(r.slurp(dir + "/energy_full")); full > 0 {
		s.energy = int64(full)
	}
	if r.slurp(dir+"/present") == "0" {
		s.scope = "Device" // an empty battery bay
	}
	return s
}

// number parses a file that holds one number; -1 when it does not.
func number(s string) int {
	v, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return -1
	}
	return int(v)
}

func (p *powerCollector) collectSaver(ctx context.Context, b *batch) {
	if profile, ok := p.bus.profile(ctx); ok {
		b.bool(saver, profile == "power-saver", fromProfile)
		return
	}
	switch p.root.slurp("/sys/firmware/acpi/platform_profile") {
	case "":
		b.unknown(saver, "neither a power profile service nor a platform profile")
	case "low-power", "quiet", "cool":
		b.bool(saver, true, fromPlatform)
	default:
		b.bool(saver, false, fromPlatform)
	}
}

func (p *powerCollector) collectLid(ctx context.Context, b *batch) {
	l, err := p.bus.logind(ctx)
	switch {
	case err != nil:
		b.unknown(lidClosed, err.Error())
	case l.LidClosed == nil:
		b.notApplicable(lidClosed, "the machine has no lid")
	default:
		b.bool(lidClosed, *l.LidClosed, fromLogind)
	}
}

func (*powerCollector) close() error { return nil }

func (p *powerCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	watchUevents(ctx, "power_supply", func() { wake(onAC, powerSource, batteryPercent) })
}
