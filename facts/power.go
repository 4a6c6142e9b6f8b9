package facts

// supply is one entry of /sys/class/power_supply, or what another platform
// says in its terms.
type supply struct {
	name, kind, scope, status string // Mains, USB, Battery, UPS; System, Device; Discharging, Charging, Full, Not charging
	online                    int    // 0, 1, or -1 when it does not say
	capacity                  int    // percent, or -1
	energy                    int64  // full energy or charge, to weigh capacities; 0 unknown
}

// decidePower says what the machine runs on: "ac", "battery", "ups", or "" with
// the reason why it cannot be told. The rules, in this order, each from a bug
// somebody had:
//
//  1. batteries of devices (mouse, phone) do not count; a port that feeds
//     another device (Discharging, not a battery) is no source: omarchy #6035
//  2. no system battery: external power, unless a mains adapter says it is
//     offline, a contradiction: systemd #21988, unattended-upgrades #298
//  3. a battery that discharges: battery, whatever adapters say; chargers lie
//     or are too weak: TLP #283, fwupd #3386
//  4. an adapter that is online: external power
//  5. batteries that charge or rest: external power; the kernel missed the
//     USB-C adapter: systemd #25316, laptop-mode-tools #191
func decidePower(supplies []supply) (source, why string) {
	var p powerSigns
	for _, s := range supplies {
		p.add(s)
	}
	switch {
	case p.upsDischarging:
		return "ups", ""
	case p.batteries == 0 && p.mainsOffline && !p.online:
		return "", "there is no battery, yet the mains adapter says it is offline"
	case p.batteries == 0:
		return "ac", ""
	case p.discharging:
		return "battery", ""
	case p.online, p.resting == p.batteries:
		return "ac", ""
	}
	return "", "the battery's state is unknown and no adapter is online"
}

// powerSigns is what a list of supplies comes to.
type powerSigns struct {
	batteries, resting                                int
	online, mainsOffline, discharging, upsDischarging bool
}

func (p *powerSigns) add(s supply) {
	switch {
	case s.scope == "Device":
	case s.kind == "UPS":
		p.upsDischarging = p.upsDischarging || s.status == "Discharging"
	case s.kind == "Battery":
		p.batteries++
		p.discharging = p.discharging || s.status == "Discharging"
		if s.status == "Charging" || s.status == "Full" || s.status == "Not charging" {
			p.resting++
		}
	case s.status == "Discharging":
	case s.online >= 1: // 2 is a programmable supply, as USB-PD PPS (sysfs-class-power)
		p.online = true
	case s.online == 0 && s.kind == "Mains":
		p.mainsOffline = true
	}
}

// batteryCharge is the charge of all system batteries together, in percent,
// weighed by size where every battery tells it.
func batteryCharge(supplies []supply) (percent float64, batteries int) {
	var sum, weights float64
	equal := false
	for _, s := range supplies {
		equal = equal || s.system() && s.energy <= 0
	}
	for _, s := range supplies {
		if !s.system() {
			continue
		}
		batteries++
		if s.capacity < 0 || s.capacity > 100 {
			return -1, batteries
		}
		weight := float64(s.energy)
		if equal {
			weight = 1
		}
		sum, weights = sum+weight*float64(s.capacity), weights+weight
	}
	if batteries == 0 {
		return -1, 0
	}
	return sum / weights, batteries
}

// system reports whether s is a battery that the machine itself runs on.
func (s supply) system() bool { return s.kind == "Battery" && s.scope != "Device" }

// storePower fills the facts that follow from the supplies.
func storePower(b *batch, supplies []supply, o *origin) {
	source, why := decidePower(supplies)
	if source == "" {
		b.unknownAll(why, onAC, powerSource)
	} else {
		b.bool(onAC, source == "ac", o)
		b.text(powerSource, source, o)
	}
	percent, batteries := batteryCharge(supplies)
	switch {
	case batteries == 0:
		b.notApplicable(batteryPercent, "the machine has no battery")
	case percent < 0:
		b.unknown(batteryPercent, "a battery does not tell its charge")
	default:
		b.number(batteryPercent, percent, o)
	}
}
