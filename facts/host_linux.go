package facts

import (
	"context"
	"strconv"
	"strings"
	"sync"
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
	return virtualFirmware(r.slurp("/sys/class/dmi/id/sys_vendor") + " " + r.slurp("/sys/class/dmi/id/product_name"))
}

func (h *hostCollector) collectChassis(b *batch) {
	kind, err := strconv.Atoi(h.root.slurp("/sys/class/dmi/id/chassis_type"))
	if err != nil {
		b.unknown(chassis, "the firmware does not say")
		return
	}
	b.text(chassis, chassisName(kind), fromDMI)
}

func (*hostCollector) close() error { return nil }

func (h *hostCollector) watch(ctx context.Context, want []bool, wake func(...fact)) {
	if h.root.captured != nil {
		<-ctx.Done()
		return
	}
	var sources sync.WaitGroup
	if want[rebootPending] {
		sources.Go(func() { watchDir(ctx, h.root.at("/run"), func() { wake(rebootPending) }) })
	}
	if want[sinceResume] {
		sources.Go(func() { watchClock(ctx, func() { wake(sinceResume) }) }) // which resume sets
	}
	sources.Wait()
}
