package facts

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// resolver finds the disks below a path, through partitions, device mapper
// (LUKS, LVM), md, btrfs, overlay and loop devices.
type resolver struct {
	root   *root
	mounts []mount
}

const blockDir = "/sys/class/block/"

// errNoDisk is for file systems in memory: they have no disk and never turn.
var errNoDisk = errors.New("the volume is in memory")

// disks names the whole disks below p ("sda", "nvme0n1"), each once.
func (r *resolver) disks(p string, depth int) ([]string, error) {
	m, ok := mountOf(r.mounts, p)
	if !ok {
		return nil, fmt.Errorf("no mount holds %s", p)
	}
	if depth > 8 {
		return nil, fmt.Errorf("%s lies on a loop of mounts", p)
	}
	switch m.kind {
	case "tmpfs", "ramfs", "devtmpfs", "rootfs":
		return nil, errNoDisk
	case "overlay":
		return r.overlayDisks(m, depth)
	case "btrfs":
		return r.btrfsDisks(m, depth)
	}
	if strings.HasPrefix(m.device, "0:") {
		return r.sourceDisks(m, depth)
	}
	name := path.Base(r.root.link("/sys/dev/block/" + m.device))
	if name == "." {
		return nil, fmt.Errorf("device %s is not in sysfs", m.device)
	}
	return r.leaves(name, depth)
}

// overlayDisks follows the upper layer, which takes the writes.
func (r *resolver) overlayDisks(m mount, depth int) ([]string, error) {
	upper := m.option("upperdir")
	if upper == "" || !r.root.exists(upper) {
		return nil, errors.New("the overlay's upper directory is not visible from here")
	}
	return r.disks(upper, depth+1)
}

// btrfsDisks takes every device of the file system, as any may be written.
func (r *resolver) btrfsDisks(m mount, depth int) ([]string, error) {
	source := r.blockName(m.source)
	for _, id := range r.root.list("/sys/fs/btrfs") {
		devices := r.root.list("/sys/fs/btrfs/" + id + "/devices")
		if slices.Contains(devices, source) {
			return r.allLeaves(devices, depth)
		}
	}
	// One device of it would not do: the slowest of an array is what counts.
	return nil, fmt.Errorf("the devices of the btrfs file system on %s are not listed", m.source)
}

// sourceDisks follows the mount's source where the device number is made up.
func (r *resolver) sourceDisks(m mount, depth int) ([]string, error) {
	name := r.blockName(m.source)
	if !strings.HasPrefix(m.source, "/dev/") || name == "" {
		return nil, fmt.Errorf("the disks of a %s file system cannot be found", m.kind)
	}
	return r.leaves(name, depth)
}

// blockName finds the kernel's name of a device node.
func (r *resolver) blockName(node string) string {
	mapped, ok := strings.CutPrefix(node, "/dev/mapper/")
	if !ok {
		return path.Base(node)
	}
	for _, name := range r.root.list(blockDir) {
		if r.root.slurp(blockDir+name+"/dm/name") == mapped {
			return name
		}
	}
	return ""
}

func (r *resolver) allLeaves(names []string, depth int) ([]string, error) {
	var all []string
	for _, name := range names {
		leaves, err := r.leaves(name, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, leaves...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// leaves walks from a block device down to whole disks.
func (r *resolver) leaves(name string, depth int) ([]string, error) {
	dir := blockDir + name
	if depth > 8 || !r.root.exists(dir) {
		return nil, fmt.Errorf("block device %s is not in sysfs", name)
	}
	if r.root.exists(dir + "/partition") {
		return r.leaves(path.Base(path.Dir(r.root.link(blockDir+name))), depth+1)
	}
	if backing := r.root.slurp(dir + "/loop/backing_file"); backing != "" {
		return r.disks(backing, depth+1)
	}
	if slaves := r.root.list(dir + "/slaves"); len(slaves) > 0 {
		return r.allLeaves(slaves, depth)
	}
	return []string{name}, nil
}

// rotates reports whether a disk turns.
func (r *resolver) rotates(disk string) (rotates, ok bool) {
	for _, prefix := range []string{"nvme", "mmcblk", "zram", "pmem", "mtdblock"} {
		if strings.HasPrefix(disk, prefix) {
			return false, true
		}
	}
	switch r.root.slurp(blockDir + disk + "/queue/rotational") {
	case "0":
		return false, true
	case "1":
		return true, true
	}
	return false, false
}

// doubtfulDisks are the makers and models of virtual disks, in capitals.
var doubtfulDisks = []string{"QEMU", "VMWARE", "MSFT", "VIRTUAL", "XEN", "VBOX", "0X1AF4"}

// doubtful reports whether a disk's rotational flag is worth little: a virtual
// disk says what its hypervisor happened to configure.
func (r *resolver) doubtful(disk string) bool {
	vendor := strings.ToUpper(r.root.slurp(blockDir + disk + "/device/vendor"))
	model := strings.ToUpper(r.root.slurp(blockDir + disk + "/device/model"))
	for _, v := range doubtfulDisks {
		if strings.Contains(vendor, v) || strings.Contains(model, v) {
			return true
		}
	}
	return strings.HasPrefix(disk, "vd") || strings.HasPrefix(disk, "xvd")
}
