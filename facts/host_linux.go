package facts

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// hostCollector knows what the machine is and how long it has been up.
type hostCollector struct {
	root   *root
	resume *resumeWatch
}

func (*hostCollector) facts() []fact { return hostFacts }

var hostFacts = []fact{uptimeSeconds, sinceResume, rebootPending, virtual, container, chassis}

var (
	fromClock     = &origin{"boot clock", good}
	fromUptime    = &origin{"/proc/uptime", good}
	fromDMI       = &origin{"dmi", good}
	fromHints     = &origin{"dmi, cpuid", good}
	fromContainer = &origin{"container marks", good}
	fromMarkers   = &origin{"/run/reboot-required", good}
	fromThrottle  = &origin{"thermal_throttle", good}
)

func (h *hostCollector) collect(_ context.Context, b *batch) {
	if b.wants(uptimeSeconds) {
		h.collectUptime(b)
	}
	if b.wants(sinceResume) {
		h.resume.store(b)
	}
	if b.wants(rebootPending) {
		b.bool(rebootPending, pendingReboot(h.root), fromMarkers)
	}
	if b.wants(container) {
		b.bool(container, h.root.container(), fromContainer)
	}
	if b.wants(virtual) {
		b.bool(virtual, h.root.virtual(), fromHints)
	}
	if b.wants(chassis) {
		h.collectChassis(b)
	}
}

func (h *hostCollector) collectUptime(b *batch) {
	if h.root.captured == nil {
		b.seconds(uptimeSeconds, b.now.boot, fromClock)
		return
	}
	up, _, ok := parseDecimal([]byte(h.root.slurp("/proc/uptime")))
	if !ok {
		b.unknown(uptimeSeconds, "the capture has no /proc/uptime")
		return
	}
	b.int(uptimeSeconds, int64(up), fromUptime)
}

// pendingReboot looks for the marks that package managers leave.
func pendingReboot(r *root) bool {
	return r.exists("/run/reboot-required") || r.exists("/var/run/reboot-required") || r.exists("/run/reboot-needed")
}

// isContainer reports whether lull sees only a part of the machine. The marks
// are those of systemd-detect-virt(1), Docker and Podman.
func isContainer(r *root) bool {
	if r.exists("/run/systemd/container") || r.exists("/.dockerenv") || r.exists("/run/.containerenv") {
		return true
	}
	for v := range strings.SplitSeq(readAll(r, "/proc/1/environ"), "\x00") {
		if name, ok := strings.CutPrefix(v, "container="); ok {
			return name != ""
		}
	}
	return strings.Contains(r.slurp("/proc/sys/kernel/osrelease"), "WSL")
}

// isVirtual looks at the firmware and at the processor's hypervisor flag.
func isVirtual(r *root) bool {
	if strings.Contains(readAll(r, "/proc/cpuinfo"), " hypervisor") || r.exists("/sys/hypervisor/type") {
		return true
	}
	firmware := r.slurp("/sys/class/dmi/id/sys_vendor") + r.slurp("/sys/class/dmi/id/product_name")
	for _, name := range []string{"QEMU", "KVM", "VMware", "VirtualBox", "Xen", "Virtual Machine", "Bochs", "Parallels", "Amazon EC2", "Google Compute"} {
		if strings.Contains(firmware, name) {
			return true
		}
	}
	return false
}

func (h *hostCollector) collectChassis(b *batch) {
	kind, err := strconv.Atoi(h.root.slurp("/sys/class/dmi/id/chassis_type"))
	if err != nil {
		b.unknown(chassis, "the firmware does not say")
		return
	}
	b.text(chassis, chassisName(kind), fromDMI)
}

// chassisName sorts the chassis types of the SMBIOS specification, table 17.
func chassisName(kind int) string {
	switch kind {
	case 3, 4, 5, 6, 7, 13, 15, 16, 24, 35:
		return "desktop"
	case 8, 9, 10, 14, 31:
		return "laptop"
	case 11, 30, 32:
		return "tablet"
	case 17, 23, 25, 28, 29:
		return "server"
	case 33, 34, 36:
		return "embedded"
	}
	return "other"
}

func (*hostCollector) close() error { return nil }

func (h *hostCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	if want[rebootPending] && h.root.captured == nil {
		watchDir(ctx, "/run", func() { wake(rebootPending) })
	}
}

// thermalCollector compares the processors' throttle counters with earlier
// ones (Documentation/ABI/testing/sysfs-devices-system-cpu).
type thermalCollector struct {
	root   *root
	counts map[string]uint64
	seen   time.Duration // boot time of the last increase; 0 = never
}

func (*thermalCollector) facts() []fact { return []fact{throttled} }

func (t *thermalCollector) collect(_ context.Context, b *batch) {
	found := 0
	for _, name := range t.root.list("/sys/devices/system/cpu") {
		for _, kind := range []string{"core", "package"} {
			v, err := strconv.ParseUint(t.root.slurp("/sys/devices/system/cpu/"+name+"/thermal_throttle/"+kind+"_throttle_count"), 10, 63)
			if err == nil {
				found++
				t.note(name+kind, v, b.now.boot)
			}
		}
	}
	if found == 0 {
		b.unknown(throttled, "the processors do not count throttling")
		return
	}
	b.bool(throttled, t.seen > 0 && b.now.boot-t.seen < time.Minute, fromThrottle)
}

// note remembers a counter and when it last grew.
func (t *thermalCollector) note(key string, v uint64, now time.Duration) {
	if t.counts == nil {
		t.counts = map[string]uint64{}
	}
	if old, ok := t.counts[key]; ok && v > old {
		t.seen = now
	}
	t.counts[key] = v
}

func (*thermalCollector) close() error { return nil }
