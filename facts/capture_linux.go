package facts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/tools/txtar"
)

// linksFile, in a captured machine's archive, holds its symbolic links, one
// "path -> target" a line, as txtar has none.
const linksFile = "links"

// captureGlobs are the files that facts are made from. None of them holds a
// serial number or a user's name as such.
var captureGlobs = []string{
	"/proc/pressure/*", "/proc/meminfo", "/proc/loadavg", "/proc/uptime", "/proc/self/mountinfo", "/proc/net/route",
	"/sys/devices/system/cpu/online", "/sys/firmware/acpi/platform_profile", "/sys/hypervisor/type",
	"/sys/class/dmi/id/chassis_type", "/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
	"/sys/class/power_supply/*/type", "/sys/class/power_supply/*/scope", "/sys/class/power_supply/*/status", "/sys/class/power_supply/*/present",
	"/sys/class/power_supply/*/online", "/sys/class/power_supply/*/capacity", "/sys/class/power_supply/*/energy_full",
	"/sys/class/block/*/dev", "/sys/class/block/*/partition", "/sys/class/block/*/queue/rotational", "/sys/class/block/*/dm/name",
	"/sys/class/block/*/loop/backing_file", "/sys/class/block/*/device/vendor", "/sys/class/block/*/device/model",
	"/sys/class/input/event*/device/capabilities/key", "/sys/class/input/event*/device/capabilities/rel",
	"/sys/class/input/event*/device/capabilities/abs", "/sys/class/input/event*/device/properties",
	"/sys/class/net/*/type", "/sys/class/net/*/operstate", "/sys/class/drm/*/status",
	"/sys/class/thermal/thermal_zone*/temp", "/sys/class/thermal/thermal_zone*/trip_point_*_type", "/sys/class/thermal/thermal_zone*/trip_point_*_temp",
	"/sys/class/thermal/cooling_device*/type", "/sys/class/thermal/cooling_device*/cur_state", "/sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count",
	"/run/systemd/container", "/run/systemd/netif/state", "/run/reboot-required",
}

// captureLinks are the links that facts follow.
var captureLinks = []string{"/sys/class/block/*", "/sys/dev/block/*", "/sys/class/block/*/slaves/*", "/sys/fs/btrfs/*/devices/*"}

// Capture writes the machine below root ("/" for this one) as a txtar archive
// from which its facts can be computed elsewhere. Serial numbers, user ids and
// mount points below home directories are left out. Mount sources, mapper and
// interface names, the gateway and the names of inhibitors are not, so that a
// capture is for its owner's eyes until these are renamed; no verb offers it.
func Capture(ctx context.Context, w io.Writer, rootDir string) error {
	r, err := newRoot(rootDir)
	if err != nil {
		return err
	}
	a := &txtar.Archive{Comment: []byte("A captured machine. It names devices, mounts and services: look through it before you show it to anybody.\n\n")}
	answers, err := json.MarshalIndent(captureAnswers(ctx, r), "", "  ")
	if err != nil {
		return err
	}
	a.Files = append(a.Files, txtar.File{Name: capturedFile, Data: append(answers, '\n')}, captureLinkFile(r))
	for _, pattern := range captureGlobs {
		for _, name := range r.glob(pattern) {
			if data := r.slurp(name); data != "" {
				a.Files = append(a.Files, txtar.File{Name: name[1:], Data: []byte(anonymous(name, data) + "\n")})
			}
		}
	}
	_, err = w.Write(txtar.Format(a))
	return err
}

// glob matches a pattern in which whole path elements are "*" or end in it.
func (r *root) glob(pattern string) []string {
	i := strings.IndexByte(pattern, '*')
	if i < 0 {
		return []string{pattern}
	}
	dir, prefix := path.Split(pattern[:i])
	rest := pattern[i+1:]
	var out []string
	for _, name := range r.list(dir) {
		if strings.HasPrefix(name, prefix) {
			out = append(out, r.glob(dir+name+rest)...)
		}
	}
	return out
}

func captureLinkFile(r *root) txtar.File {
	var b strings.Builder
	for _, pattern := range captureLinks {
		for _, name := range r.glob(pattern) {
			if target := r.link(name); target != "" {
				fmt.Fprintf(&b, "%s -> %s\n", name[1:], target)
			}
		}
	}
	return txtar.File{Name: linksFile, Data: []byte(b.String())}
}

// anonymous takes people's names out of the mount table.
func anonymous(name, data string) string {
	if name != "/proc/self/mountinfo" {
		return data
	}
	var kept []string
	for l := range strings.Lines(data) {
		if m, ok := parseMount(strings.TrimSpace(l)); ok && !strings.HasPrefix(m.point, "/home/") && !strings.HasPrefix(m.point, "/run/user/") && !strings.HasPrefix(m.point, "/media/") {
			kept = append(kept, strings.TrimSpace(l))
		}
	}
	return strings.Join(kept, "\n")
}

// captureAnswers asks the kernel and the services what no file tells.
func captureAnswers(ctx context.Context, r *root) *captured {
	if r.captured != nil {
		return r.captured
	}
	o := &Options{}
	o.setDefaults()
	b := newBus(r, o)
	defer b.close()
	c := &captured{Volumes: map[string]volumeSpace{}}
	c.Logind, _ = b.logind(ctx)
	c.Network, _ = b.network(ctx)
	c.Profile, _ = b.profile(ctx)
	c.forgetPeople()
	for _, m := range parseMountinfo(anonymous("/proc/self/mountinfo", readAll(r, "/proc/self/mountinfo"))) {
		var st unix.Statfs_t
		if !networked(m.kind) && unix.Statfs(m.point, &st) == nil && st.Blocks > 0 {
			c.Volumes[m.point] = volumeSpace{int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize}
		}
	}
	return c
}

// forgetPeople numbers users from 1000 and drops inhibitors' explanations.
func (c *captured) forgetPeople() {
	if c.Logind == nil {
		return
	}
	for i := range c.Logind.Sessions {
		c.Logind.Sessions[i].UID = uint32(1000 + i)
	}
	for i := range c.Logind.Inhibitors {
		c.Logind.Inhibitors[i].Why = ""
	}
}
