package facts

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// Capture writes the machine below root ("/" for this one) as a txtar archive
// from which its facts can be computed elsewhere, see [Extract].
//
// Nothing is copied. What a file says is written only as far as it is made of
// the words and numbers that facts are made from and that this package lists;
// names that people give (users, hosts, sessions, mount points, volumes,
// mappings, interfaces, supplies, programs) become numbered ones, the same name
// the same number, so that what lies on what is preserved. Serial numbers,
// addresses and UUIDs are not read at all. The captured machine has the facts
// of the original, but for the names in them.
func Capture(ctx context.Context, w io.Writer, rootDir string) error {
	r, err := newRoot(rootDir)
	if err != nil {
		return err
	}
	return capture(ctx, w, r)
}

func capture(ctx context.Context, w io.Writer, r *root) error {
	c := &capturer{root: r, files: map[string]string{}, links: map[string]string{}, names: newNames()}
	c.listed()
	c.blockDevices()
	c.btrfsDevices()
	c.mountTable()
	c.interfaces()
	c.routes()
	c.supplies()
	answers, err := json.MarshalIndent(c.answers(ctx), "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(txtar.Format(c.archive(string(answers))))
	return err
}

// capturer collects what an archive will hold.
type capturer struct {
	root  *root
	files map[string]string // path to content
	links map[string]string // path to target
	names *names
}

func (c *capturer) archive(answers string) *txtar.Archive {
	a := &txtar.Archive{Comment: []byte("A machine captured by lull facts --capture. The names in it are made up.\n\n")}
	var links strings.Builder
	for _, path := range slices.Sorted(maps.Keys(c.links)) {
		links.WriteString(path[1:] + " -> " + c.links[path] + "\n")
	}
	a.Files = append(a.Files, txtar.File{Name: capturedFile, Data: []byte(answers + "\n")}, txtar.File{Name: linksFile, Data: []byte(links.String())})
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		a.Files = append(a.Files, txtar.File{Name: path[1:], Data: []byte(c.files[path] + "\n")})
	}
	return a
}

// put writes what keep leaves of the file at path to the path as. Nothing is
// written when nothing is left.
func (c *capturer) put(path, as string, keep filter) {
	if kept := keep(readAll(c.root, path)); kept != "" {
		c.files[as] = kept
	}
}

// mark writes an empty file where path exists: what it holds is nobody's
// business.
func (c *capturer) mark(path, as string) bool {
	exists := c.root.exists(path)
	if exists {
		c.files[as] = ""
	}
	return exists
}

// captureRules are the files whose own paths tell nothing. In a path, # is any
// number.
var captureRules = []struct {
	path string
	keep filter
}{
	{"/proc/pressure/cpu", psiLines}, {"/proc/pressure/io", psiLines}, {"/proc/pressure/memory", psiLines},
	{"/sys/fs/cgroup/user.slice/cpu.pressure", psiLines}, {"/sys/fs/cgroup/unified/user.slice/cpu.pressure", psiLines},
	{"/sys/fs/cgroup/user.slice/io.pressure", psiLines}, {"/sys/fs/cgroup/unified/user.slice/io.pressure", psiLines},
	{"/sys/fs/cgroup/user.slice/memory.pressure", psiLines}, {"/sys/fs/cgroup/unified/user.slice/memory.pressure", psiLines},
	{"/proc/meminfo", memoryLines},
	{"/proc/loadavg", firstNumber},
	{"/proc/uptime", firstNumber},
	{"/proc/cpuinfo", ifContains(" hypervisor", "flags\t\t: fpu hypervisor")},
	{"/proc/1/environ", containerVariable},
	{"/proc/sys/kernel/osrelease", ifContains("WSL", "0-WSL")},
	{"/proc/asound/card#/pcm#c/sub#/status", microphoneState},
	{"/run/systemd/netif/state", networkdLines},
	{"/sys/hypervisor/type", wordsOr("hypervisor", "xen", "kvm")},
	{kernelsSysfs, wholeNumber},
	{"/sys/class/dmi/id/chassis_type", wholeNumber},
	{"/sys/class/dmi/id/sys_vendor", contained(hypervisorNames)},
	{"/sys/class/dmi/id/product_name", contained(hypervisorNames)},
	{"/sys/class/input/event#/device/capabilities/key", bitmap},
	{"/sys/class/input/event#/device/capabilities/rel", bitmap},
	{"/sys/class/input/event#/device/capabilities/abs", bitmap},
	{"/sys/class/input/event#/device/properties", bitmap},
	{"/sys/class/thermal/thermal_zone#/temp", wholeNumber},
	{"/sys/class/thermal/thermal_zone#/trip_point_#_type", wordsOr("other", "active", "passive", "hot", "critical")},
	{"/sys/class/thermal/thermal_zone#/trip_point_#_temp", wholeNumber},
	{"/sys/class/thermal/cooling_device#/type", coolingType},
	{"/sys/class/thermal/cooling_device#/cur_state", wholeNumber},
	{"/sys/devices/system/cpu/online", cpuList},
	{"/sys/devices/system/cpu/cpu#/thermal_throttle/core_throttle_count", wholeNumber},
	{"/sys/devices/system/cpu/cpu#/thermal_throttle/package_throttle_count", wholeNumber},
	{"/sys/firmware/acpi/platform_profile", words("low-power", "quiet", "cool", "balanced", "balanced-performance", "performance", "custom")},
}

// captureMarks are files of which only it matters that they exist.
var captureMarks = []string{
	"/.dockerenv", "/run/.containerenv", "/run/systemd/container", "/run/systemd/seats", "/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed",
	"/sys/hypervisor/type", "/sys/fs/cgroup/unified/cgroup.procs",
}

func (c *capturer) listed() {
	for _, path := range captureMarks {
		c.mark(path, path)
	}
	for _, rule := range captureRules {
		for _, path := range c.root.numbered(rule.path) {
			c.put(path, path, rule.keep)
		}
	}
	for _, name := range c.root.list("/sys/class/drm") {
		const dir = "/sys/class/drm/"
		c.put(dir+name+"/status", dir+c.names.connector(name)+"/status", wordsOr("connected", "disconnected", "unknown"))
	}
}

// numbered finds the paths that match a pattern in which # stands for a number.
func (r *root) numbered(pattern string) []string {
	i := strings.IndexByte(pattern, '#')
	if i < 0 {
		return []string{pattern}
	}
	start := strings.LastIndexByte(pattern[:i], '/') + 1
	rest := ""
	element := pattern[start:]
	if j := strings.IndexByte(element, '/'); j >= 0 {
		element, rest = element[:j], element[j:]
	}
	before, after, _ := strings.Cut(element, "#")
	var out []string
	for _, name := range r.list(pattern[:start]) {
		number, ok1 := strings.CutPrefix(name, before)
		number, ok2 := strings.CutSuffix(number, after)
		if ok1 && ok2 && wholeNumber(number) == number && number != "" {
			out = append(out, r.numbered(pattern[:start]+name+rest)...)
		}
	}
	return out
}
