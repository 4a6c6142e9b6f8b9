package facts

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// blockDevices captures which devices lie on which, and whether they turn.
func (c *capturer) blockDevices() {
	for _, name := range c.root.list(blockDir) {
		dir := blockDir + name
		backing := strings.TrimSpace(readAll(c.root, dir+"/loop/backing_file"))
		if hasPrefix(name, "ram") || hasPrefix(name, "loop") && backing == "" {
			continue
		}
		as := blockDir + c.names.block(name)
		number := deviceNumber(readAll(c.root, dir+"/dev"))
		c.files[as+"/dev"] = number
		c.blockLinks(name, number)
		c.put(dir+"/partition", as+"/partition", wholeNumber)
		c.put(dir+"/queue/rotational", as+"/queue/rotational", words("0", "1"))
		c.put(dir+"/device/vendor", as+"/device/vendor", doubtfulWords)
		c.put(dir+"/device/model", as+"/device/model", doubtfulWords)
		if mapped := strings.TrimSpace(readAll(c.root, dir+"/dm/name")); mapped != "" {
			c.files[as+"/dm/name"] = c.names.mapping(mapped)
		}
		if backing != "" {
			c.files[as+"/loop/backing_file"] = c.names.path(backing)
		}
		for _, slave := range c.root.list(dir + "/slaves") {
			c.files[as+"/slaves/"+c.names.block(slave)+"/dev"] = ""
		}
	}
}

// blockLinks makes the links of a device, for a partition below its disk. The
// buses on the way, which name what the disk is plugged into, are left out.
func (c *capturer) blockLinks(name, number string) {
	target := c.root.link(blockDir + name)
	if target == "" {
		return
	}
	as := c.names.block(name)
	place := "../../devices/block/" + as
	if c.root.exists(blockDir + name + "/partition") {
		place = "../../devices/block/" + c.names.block(path.Base(path.Dir(target))) + "/" + as
	}
	c.links[blockDir+as] = place
	if number != "" && c.root.link("/sys/dev/block/"+number) != "" {
		c.links["/sys/dev/block/"+number] = place
	}
}

// doubtfulWords keeps what makes a disk a virtual one.
func doubtfulWords(s string) string { return contained(doubtfulDisks)(strings.ToUpper(s)) }

func (c *capturer) btrfsDevices() {
	const dir = "/sys/fs/btrfs"
	for _, id := range c.root.list(dir) {
		for _, device := range c.root.list(dir + "/" + id + "/devices") {
			c.files[dir+"/"+c.names.of("btrfs", id, "fs")+"/devices/"+c.names.block(device)+"/dev"] = ""
		}
	}
}

// mountTable writes the mounts with their kind, device and place, and of their
// options only what facts depend on.
func (c *capturer) mountTable() {
	var lines []string
	for i, m := range parseMountinfo(readAll(c.root, "/proc/self/mountinfo")) {
		options := "rw"
		if !m.writable() {
			options = "ro"
		}
		super := options
		if upper := m.option("upperdir"); upper != "" {
			as := c.names.path(upper)
			super += ",upperdir=" + as
			c.mark(upper, as+"/upper")
		}
		number := deviceNumber(m.device)
		if number == "" {
			continue // no kernel's line
		}
		lines = append(lines, strings.Join([]string{
			strconv.Itoa(i + 1), "0", number, "/", c.names.path(m.point), options, "-", fsKind(m.kind), c.names.node(m.source), super,
		}, " "))
	}
	c.files["/proc/self/mountinfo"] = strings.Join(lines, "\n")
}

// fsKinds are the file systems that are told by name.
var fsKinds = []string{
	"9p", "afs", "autofs", "bcachefs", "binfmt_misc", "bpf", "btrfs", "ceph", "cgroup", "cgroup2", "cifs", "configfs", "debugfs", "devpts", "devtmpfs", "ecryptfs",
	"efivarfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuse", "fuse.portal", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.sshfs", "fuse.rclone", "fuseblk", "fusectl", "glusterfs",
	"hfsplus", "hugetlbfs", "iso9660", "jfs", "mqueue", "nfs", "nfs4", "nfsd", "nsfs", "ntfs", "ntfs3", "overlay", "proc", "pstore", "ramfs", "reiserfs", "rootfs", "rpc_pipefs",
	"securityfs", "smb3", "squashfs", "sysfs", "tmpfs", "tracefs", "udf", "vfat", "virtiofs", "xfs", "zfs",
}

func fsKind(kind string) string {
	switch {
	case slices.Contains(fsKinds, kind):
		return kind
	case networked(kind):
		return "fuse"
	}
	return "other"
}

// interfaces captures what kind of link each is. Names are made anew from that.
func (c *capturer) interfaces() {
	for _, name := range c.root.list(netDir) {
		dir, as := netDir+name, netDir+c.interfaceName(name)
		c.put(dir+"/type", as+"/type", wholeNumber)
		c.put(dir+"/operstate", as+"/operstate", words("up", "down", "unknown", "dormant", "lowerlayerdown", "notpresent", "testing"))
		c.put(dir+"/uevent", as+"/uevent", each(matching(`DEVTYPE=(bond|bridge|vlan|wlan|wwan|wireguard)`)))
		for _, mark := range []string{"/wireless", "/phy80211", "/tun_flags"} {
			c.mark(dir+mark, as+mark)
		}
		for _, lower := range lowerLinks(c.root, dir) {
			c.files[as+"/lower_"+c.interfaceName(lower)] = ""
		}
		if driver := path.Base(c.root.link(dir + "/device/driver")); slices.Contains(tetherDrivers, driver) {
			c.links[as+"/device/driver"] = "../drivers/" + driver
		}
	}
}

const netDir = "/sys/class/net/"

// interfaceName replaces an interface's name by its class and a number.
func (c *capturer) interfaceName(name string) string {
	if name == "lo" {
		return name
	}
	dir := netDir + name
	stem := "eth"
	switch kind, _ := strings.CutPrefix(findLine(readAll(c.root, dir+"/uevent"), "DEVTYPE="), "DEVTYPE="); {
	case hasPrefix(name, "wwan") || hasPrefix(name, "ppp") || kind == "wwan":
		stem = "wwan"
	case kind == "wlan" || c.root.exists(dir+"/wireless") || c.root.exists(dir+"/phy80211"):
		stem = "wlan"
	case kind == "bond" || kind == "bridge" || kind == "vlan" || kind == "wireguard":
		stem = kind
	case c.root.exists(dir + "/tun_flags"):
		stem = "tun"
	}
	return c.names.of("interface", name, stem)
}

// routes writes the default routes, without their gateways.
func (c *capturer) routes() {
	lines := []string{"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"}
	for l := range strings.Lines(readAll(c.root, "/proc/net/route")) {
		f := strings.Fields(l)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" || routeFlags(f[3]) == "" || wholeNumber(f[6]) == "" {
			continue
		}
		lines = append(lines, strings.Join([]string{c.interfaceName(f[0]), "00000000", "00000000", f[3], "0", "0", f[6], "00000000", "0", "0", "0"}, "\t"))
	}
	c.files["/proc/net/route"] = strings.Join(lines, "\n")
	const nowhere = "00000000000000000000000000000000"
	lines = nil
	for l := range strings.Lines(readAll(c.root, "/proc/net/ipv6_route")) {
		f := strings.Fields(l)
		if len(f) < 10 || strings.Trim(f[0], "0") != "" || f[1] != "00" || routeFlags(f[5]) == "" || routeFlags(f[8]) == "" {
			continue
		}
		lines = append(lines, strings.Join([]string{nowhere, "00", nowhere, "00", nowhere, f[5], "00000000", "00000000", f[8], c.interfaceName(f[9])}, " "))
	}
	if lines != nil {
		c.files["/proc/net/ipv6_route"] = strings.Join(lines, "\n")
	}
}

var routeFlags = matching(`[0-9a-fA-F]{4}|[0-9a-fA-F]{8}`)

// supplies captures batteries and adapters, named by their kind.
func (c *capturer) supplies() {
	for _, name := range c.root.list(supplyDir) {
		dir := supplyDir + "/" + name
		kind := wordsOr("Unknown", "Mains", "Battery", "UPS", "USB", "Wireless")(readAll(c.root, dir+"/type"))
		as := supplyDir + "/" + c.names.of("supply", name, supplyStems[kind])
		if kind != "" {
			c.files[as+"/type"] = kind
		}
		c.put(dir+"/scope", as+"/scope", wordsOr("Unknown", "System", "Device"))
		c.put(dir+"/status", as+"/status", wordsOr("Unknown", "Discharging", "Charging", "Full", "Not charging"))
		for _, file := range []string{"/present", "/online", "/capacity", "/energy_full"} {
			c.put(dir+file, as+file, wholeNumber)
		}
	}
}

var supplyStems = map[string]string{"Mains": "AC", "Battery": "BAT", "UPS": "UPS", "USB": "USB", "": "PSY", "Wireless": "PSY", "Unknown": "PSY"}
