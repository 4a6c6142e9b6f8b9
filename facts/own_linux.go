package facts

import (
	"strconv"
	"strings"
)

// ownWork measures what lull's own running actions used, from their cgroups
// or, where they have none, from their processes.
type ownWork struct {
	root *root
	ask  func() Own
}

// cpuSeconds is the processor time used so far by what runs now.
func (o *ownWork) cpuSeconds() float64 {
	own, total := o.ask(), 0.0
	for _, dir := range own.Cgroups {
		if v, ok := keyedValue(o.root.slurp(cgroupRoot(o.root)+"/"+dir+"/cpu.stat"), "usage_usec"); ok {
			total += float64(v) / 1e6
		}
	}
	for _, pid := range own.PIDs {
		total += processCPU(o.root.slurp("/proc/" + strconv.Itoa(pid) + "/stat"))
	}
	return total
}

// ioBytes is what they read from and wrote to the disk with the device number
// "major:minor"; for processes without a cgroup it is what they read and wrote
// anywhere.
func (o *ownWork) ioBytes(device string) uint64 {
	own, total := o.ask(), uint64(0)
	for _, dir := range own.Cgroups {
		total += cgroupIO(o.root.slurp(cgroupRoot(o.root)+"/"+dir+"/io.stat"), device)
	}
	for _, pid := range own.PIDs {
		io := o.root.slurp("/proc/" + strconv.Itoa(pid) + "/io")
		r, _ := keyedValue(io, "read_bytes:")
		w, _ := keyedValue(io, "write_bytes:")
		total += r + w
	}
	return total
}

func cgroupRoot(r *root) string { return strings.TrimSuffix(userSlice(r), "/user.slice") }

// keyedValue finds "key value" in a file of such lines.
func keyedValue(data, key string) (uint64, bool) {
	for l := range strings.Lines(data) {
		if rest, ok := strings.CutPrefix(l, key+" "); ok {
			v, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 63)
			return v, err == nil
		}
	}
	return 0, false
}

// cgroupIO sums rbytes and wbytes of a device in an io.stat file.
func cgroupIO(data, device string) uint64 {
	var total uint64
	for l := range strings.Lines(data) {
		rest, ok := strings.CutPrefix(l, device+" ")
		if !ok {
			continue
		}
		for field := range strings.FieldsSeq(rest) {
			key, num, _ := strings.Cut(field, "=")
			if v, err := strconv.ParseUint(num, 10, 63); err == nil && (key == "rbytes" || key == "wbytes") {
				total += v
			}
		}
	}
	return total
}

// processCPU is utime plus stime of a /proc/PID/stat line, in seconds.
func processCPU(stat string) float64 {
	_, after, ok := strings.Cut(stat, ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.ParseUint(fields[11], 10, 63)
	system, err2 := strconv.ParseUint(fields[12], 10, 63)
	if err1 != nil || err2 != nil {
		return 0
	}
	return float64(user+system) / 100
}
