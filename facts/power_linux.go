package facts

import (
	"bytes"
	"context"
	"slices"
)

// powerCollector reads /sys/class/power_supply
// (Documentation/ABI/testing/sysfs-class-power) and the power profile.
type powerCollector struct {
	root     *root
	bus      *bus
	events   *subsystem // of supplies
	looked   lookup
	err      error // why the supplies are not known
	madeUp   bool  // sysfs is not the kernel's
	kept     []keptSupply
	supplies []supply // what they said last
	profiled lookup
	profile  *kept // nil where the firmware has none
}

func newPower(r *root, b *bus, u *uevents) *powerCollector {
	return &powerCollector{root: r, bus: b, events: u.subsystem("power_supply")}
}

// keptSupply is a supply whose changing files stay open; nil ones it does not
// have. What does not change is in fixed.
type keptSupply struct {
	fixed                             supply
	present, online, status, capacity *kept
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

// kernelsSysfs is in every Linux kernel's sysfs, which shows its power supplies in
// containers too, and not in the one that a sandbox such as gVisor makes up.
const kernelsSysfs = "/sys/kernel/uevent_seqnum"

const (
	supplyDir       = "/sys/class/power_supply"
	platformProfile = "/sys/firmware/acpi/platform_profile"
)

// version stands for all that power depends on where no file tells of it: on a
// machine without supplies and without a platform profile.
func (p *powerCollector) version(b *batch) uint64 {
	told := p.bus.version(b.now.awake)
	if told == 0 || len(p.kept) > 0 || p.profile != nil || !p.looked.holds(b.now.boot, p.events.since(b.now.boot)) || !p.profiled.holds(b.now.boot, 0) {
		return 0
	}
	return told + p.looked.times + p.profiled.times
}

func (p *powerCollector) collect(ctx context.Context, b *batch) {
	if b.unchanged(p.version(b), min(p.looked.until(), p.profiled.until()), powerFacts) {
		return
	}
	if b.wantsAny(supplyFacts...) {
		p.collectSupplies(ctx, b)
	}
	if b.wants(saver) {
		p.collectSaver(ctx, b)
	}
	if b.wants(lidClosed) {
		p.collectLid(ctx, b)
	}
}

func (p *powerCollector) collectSupplies(ctx context.Context, b *batch) {
	if p.looked.due(b.now.boot, p.events.since(b.now.boot)) {
		p.findSupplies()
	}
	if p.err != nil {
		b.unknownAll(whyNot(supplyDir, p.err), supplyFacts...)
		return
	}
	p.supplies = p.supplies[:0]
	for i := range p.kept {
		p.supplies = append(p.supplies, p.kept[i].read())
	}
	if !slices.ContainsFunc(p.supplies, supply.system) { // what feeds a portable's charger does not matter
		ups, err := p.bus.supplies(ctx)
		if err != nil && !absent(err) {
			b.unknownAll(err.Error(), supplyFacts...)
			return
		}
		p.supplies = append(p.supplies, ups...)
	}
	o := fromSupplies
	if len(p.supplies) == 0 && (p.root.container() || p.root.virtual()) {
		if p.madeUp {
			b.unknownAll("the sandbox that lull runs in has made up its sysfs; its host may run on battery", supplyFacts...)
			return
		}
		o = fromNoSupplies // the host below a guest may run on battery, though most do not
	}
	storePower(b, p.supplies, o)
}

func (p *powerCollector) findSupplies() {
	p.forgetSupplies()
	names, err := p.root.readDir(supplyDir)
	if c := p.root.captured; c != nil && !c.silent(supplyDir) { // an archive has no empty directories
		err = nil
	}
	p.err, p.madeUp = err, !p.root.exists(kernelsSysfs)
	for _, name := range names {
		p.kept = append(p.kept, keepSupply(p.root, supplyDir+"/"+name))
	}
}

func (p *powerCollector) forgetSupplies() {
	for _, s := range p.kept {
		s.close()
	}
	p.kept = p.kept[:0]
}

func keepSupply(r *root, dir string) keptSupply {
	s := keptSupply{fixed: supply{name: dir, kind: r.slurp(dir + "/type"), scope: r.slurp(dir + "/scope"), online: -1, capacity: -1},
		present: r.keepIf(dir+"/present", 32), online: r.keepIf(dir+"/online", 32),
		status: r.keepIf(dir+"/status", 32), capacity: r.keepIf(dir+"/capacity", 32)}
	full := r.keepIf(dir+"/energy_full", 32)
	s.fixed.energy = int64(max(0, full.number()))
	full.close()
	return s
}

// statuses are those of sysfs-class-power that decidePower knows.
var statuses = []string{"Charging", "Discharging", "Full", "Not charging"}

func (k *keptSupply) read() supply {
	s := k.fixed
	s.online, s.status, s.capacity = k.online.number(), k.status.text(statuses), k.capacity.number()
	if k.present.number() == 0 {
		s.scope = "Device" // an empty battery bay
	}
	return s
}

func (k *keptSupply) close() {
	for _, f := range []*kept{k.present, k.online, k.status, k.capacity} {
		f.close()
	}
}

func (p *powerCollector) collectSaver(ctx context.Context, b *batch) {
	if profile, ok := p.bus.profile(ctx); ok {
		b.bool(saver, profile == "power-saver", fromProfile)
		return
	}
	if p.profiled.due(b.now.boot, 0) {
		p.profile.close()
		p.profile = p.root.keepIf(platformProfile, 64)
	}
	if p.profile == nil {
		b.unknown(saver, "neither a power profile service nor a platform profile")
		return
	}
	data, err := p.profile.read()
	if err != nil {
		b.unknown(saver, whyNot(p.profile.path, err))
		return
	}
	switch string(bytes.TrimSpace(data)) {
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

func (p *powerCollector) close() error {
	p.forgetSupplies()
	p.profile.close()
	return nil
}
