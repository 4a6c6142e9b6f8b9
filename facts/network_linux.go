package facts

import (
	"context"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// networkCollector combines NetworkManager, systemd-networkd and the kernel's
// routes. It makes no traffic.
type networkCollector struct {
	root     *root
	bus      *bus
	changes  *changes
	routes   *changeSource
	looked   lookup
	device   string // of the default route
	kind     string
	up       bool
	networkd *changeSource
	asked    lookup
	state    string // networkd's ONLINE_STATE, "" when it does not say
}

func newNetwork(r *root, b *bus, c *changes) *networkCollector {
	return &networkCollector{root: r, bus: b, changes: c, routes: routeSource(), networkd: dirSource(r.at(path.Dir(networkdState)))}
}

// networkdState is replaced by networkd when something changes.
const networkdState = "/run/systemd/netif/state"

func (*networkCollector) facts() []fact { return networkFacts }

var networkFacts = []fact{online, unmetered, networkKind}

var (
	fromManager  = &origin{"NetworkManager", good}
	fromGuess    = &origin{"NetworkManager", assumed}
	fromNetworkd = &origin{"systemd-networkd", good}
	fromRoutes   = &origin{"routes", assumed}
	fromRouteDev = &origin{"routes", good}
)

// version stands for all that the network facts depend on.
func (n *networkCollector) version(b *batch) uint64 {
	told := n.bus.version(b.now.awake)
	if told == 0 || !n.looked.holds(b.now.boot, n.changes.since(n.routes, b.now.boot)) ||
		n.asked.times > 0 && !n.asked.holds(b.now.boot, n.changes.since(n.networkd, b.now.boot)) {
		return 0
	}
	return told + n.looked.times + n.asked.times
}

func (n *networkCollector) collect(ctx context.Context, b *batch) {
	if b.unchanged(n.version(b), min(n.looked.until(), n.asked.until()), networkFacts) {
		return
	}
	if n.looked.due(b.now.boot, n.changes.since(n.routes, b.now.boot)) {
		n.findRoute()
	}
	if n.device != "" {
		b.text(networkKind, n.kind, fromRouteDev)
	} else {
		b.notApplicable(networkKind, "there is no default route")
	}
	state, err := n.bus.network(ctx)
	if state == nil {
		state = &silentManager
	}
	if err != nil && !absent(err) {
		b.unknownAll(err.Error(), online, unmetered)
		return
	}
	n.collectOnline(b, state)
	collectUnmetered(b, state, n.kind)
}

// silentManager is what a NetworkManager says that is not there.
var silentManager networkState

func (n *networkCollector) findRoute() {
	n.device = defaultRoute(n.root)
	n.kind, n.up = "", false
	if n.device != "" {
		n.kind, n.up = linkKind(n.root, n.device), linkUp(n.root, n.device)
	}
}

func (n *networkCollector) collectOnline(b *batch, s *networkState) {
	if s.Connectivity != nil && *s.Connectivity != 0 {
		b.bool(online, *s.Connectivity == 4, fromManager)
		return
	}
	if s.State != nil {
		b.bool(online, *s.State == 70, fromManager)
		return
	}
	if n.asked.due(b.now.boot, n.changes.since(n.networkd, b.now.boot)) {
		n.state = strings.TrimPrefix(findLine(n.root.slurp(networkdState), "ONLINE_STATE="), "ONLINE_STATE=")
	}
	if n.state != "" {
		b.bool(online, n.state == "online", fromNetworkd)
		return
	}
	b.bool(online, n.device != "" && n.up, fromRoutes)
}

func findLine(data, prefix string) string {
	for l := range strings.Lines(data) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// collectUnmetered trusts NetworkManager, and else assumes that only wires
// are free.
func collectUnmetered(b *batch, s *networkState, kind string) {
	metered := uint32(0)
	if s.Metered != nil {
		metered = *s.Metered
	}
	switch {
	case metered == 1 || metered == 2:
		b.bool(unmetered, metered == 2, fromManager)
	case metered == 3 || metered == 4:
		b.bool(unmetered, metered == 4, fromGuess)
	case kind == "wired":
		b.bool(unmetered, true, fromRoutes)
	case kind == "mobile":
		b.bool(unmetered, false, fromRoutes)
	case kind == "":
		b.notApplicable(unmetered, "there is no default route")
	default:
		b.unknown(unmetered, "the default route is "+kind+" and no network manager says whether it is metered")
	}
}

// defaultRoute names the interface of the default route, IPv4 first.
func defaultRoute(r *root) string {
	if dev := parseRoutes4(r.slurp("/proc/net/route")); dev != "" {
		return dev
	}
	return parseRoutes6(r.slurp("/proc/net/ipv6_route"))
}

// parseRoutes4 finds the default route of least metric in /proc/net/route.
func parseRoutes4(data string) string {
	best, device := uint64(1<<63), ""
	for l := range strings.Lines(data) {
		f := strings.Fields(l)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := strconv.ParseUint(f[3], 16, 32)
		metric, err2 := strconv.ParseUint(f[6], 10, 32)
		if err == nil && err2 == nil && flags&unix.RTF_UP != 0 && flags&unix.RTF_REJECT == 0 && metric < best {
			best, device = metric, f[0]
		}
	}
	return device
}

// parseRoutes6 does the same for /proc/net/ipv6_route.
func parseRoutes6(data string) string {
	best, device := uint64(1<<63), ""
	for l := range strings.Lines(data) {
		f := strings.Fields(l)
		if len(f) < 10 || strings.Trim(f[0], "0") != "" || f[1] != "00" || f[9] == "lo" {
			continue
		}
		metric, err := strconv.ParseUint(f[5], 16, 64)
		flags, err2 := strconv.ParseUint(f[8], 16, 64)
		if err == nil && err2 == nil && flags&unix.RTF_UP != 0 && flags&unix.RTF_REJECT == 0 && metric < best {
			best, device = metric, f[9]
		}
	}
	return device
}

// linkKind sorts an interface by what sysfs says about it.
func linkKind(r *root, device string) string { return linkKindBelow(r, device, 8) }

// linkKindBelow bounds how deep bonds, bridges and VLANs are followed.
func linkKindBelow(r *root, device string, depth int) string {
	dir := "/sys/class/net/" + device
	devtype := findLine(r.slurp(dir+"/uevent"), "DEVTYPE=")
	switch lower := lowerLinks(r, dir); {
	case len(lower) > 0 && depth > 0:
		return commonKind(r, lower, depth-1)
	case len(lower) > 0, devtype == "DEVTYPE=bond", devtype == "DEVTYPE=bridge", devtype == "DEVTYPE=vlan":
		return "other" // what carries it is not to be seen
	case r.exists(dir+"/wireless") || r.exists(dir+"/phy80211") || devtype == "DEVTYPE=wlan":
		return "wireless"
	case devtype == "DEVTYPE=wwan" || hasPrefix(device, "wwan") || hasPrefix(device, "ppp"):
		return "mobile"
	case r.exists(dir+"/tun_flags") || devtype == "DEVTYPE=wireguard":
		return "tunnel"
	case r.slurp(dir+"/type") == "1" && usbTether(r, dir):
		return "other"
	case r.slurp(dir+"/type") == "1":
		return "wired"
	}
	return "other"
}

// lowerLinks are the interfaces that carry another: "lower_NAME" in its directory.
func lowerLinks(r *root, dir string) (names []string) {
	for _, name := range r.list(dir) {
		if lower, ok := strings.CutPrefix(name, "lower_"); ok {
			names = append(names, lower)
		}
	}
	return names
}

// commonKind is what several interfaces have in common, "other" when they differ:
// a bond with Wi-Fi in it is not a wire.
func commonKind(r *root, devices []string, depth int) string {
	kind := linkKindBelow(r, devices[0], depth)
	for _, d := range devices[1:] {
		if linkKindBelow(r, d, depth) != kind {
			return "other"
		}
	}
	return kind
}

// tetherDrivers drive phones and modems on USB.
var tetherDrivers = []string{"rndis_host", "ipheth", "cdc_ether", "cdc_ncm", "cdc_mbim", "qmi_wwan"}

// usbTether reports whether an Ethernet-like device is likely a phone or a modem.
func usbTether(r *root, dir string) bool {
	driver := r.link(dir + "/device/driver")
	for _, name := range tetherDrivers {
		if strings.HasSuffix(driver, "/"+name) {
			return true
		}
	}
	return false
}

func linkUp(r *root, device string) bool {
	state := r.slurp("/sys/class/net/" + device + "/operstate")
	return state == "up" || state == "unknown"
}

func (*networkCollector) close() error { return nil }

func (n *networkCollector) watch(ctx context.Context, _ []bool, wake func(...fact)) {
	told := func() { wake(networkFacts...) }
	manager := startBoth(func() { n.bus.watch(ctx, managerName, told) })
	// networkd writes what it makes of the kernel's events after them.
	networkd := startBoth(func() {
		if n.root.captured == nil {
			watchDir(ctx, n.root.at(path.Dir(networkdState)), told)
		}
	})
	watchRoutes(ctx, told)
	networkd.Wait()
	manager.Wait()
}
