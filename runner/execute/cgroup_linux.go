package execute

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is the version 2 group of one attempt. A nil one is the absence of any.
// See Documentation/admin-guide/cgroup-v2.rst of the kernel.
type cgroup struct {
	dir  string
	fd   *os.File
	have []string // controllers
}

// daemonLeaf is the DelegateSubgroup= of the daemon's unit: with controllers on, a
// group with processes may have no groups below it.
const daemonLeaf = "daemon"

// newCgroup makes the attempt's group below the daemon's own, where that is allowed.
func newCgroup(o *orders) *cgroup {
	base, err := cgroupBase("/proc/self")
	if err != nil {
		o.lack("cgroup", err.Error())
		return nil
	}
	enable(base)
	c := &cgroup{dir: filepath.Join(base, "lull-"+o.ID)}
	if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		o.lack("cgroup", err.Error())
		return nil
	}
	if c.fd, err = os.Open(c.dir); err != nil {
		o.lack("cgroup", err.Error())
		return nil
	}
	if _, err := os.Stat(c.file("cgroup.freeze")); err != nil {
		o.lack("cgroup", "the kernel's cgroups cannot freeze; 5.2 can")
		c.remove()
		return nil
	}
	c.have = strings.Fields(c.read("cgroup.controllers"))
	c.limit(o)
	o.Cgroup, o.Controllers = c.dir, c.have
	return c
}

// cgroupBase finds our group in the version 2 hierarchy, wherever that is mounted:
// hybrid machines have it at /sys/fs/cgroup/unified.
func cgroupBase(proc string) (string, error) {
	mounts, err := os.ReadFile(proc + "/mountinfo")
	if err != nil {
		return "", err
	}
	own, err := os.ReadFile(proc + "/cgroup")
	if err != nil {
		return "", err
	}
	rel := ""
	for l := range strings.Lines(string(own)) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(l), "0::"); ok {
			rel = p
		}
	}
	root, point := cgroup2Mount(mounts)
	if point == "" || rel == "" {
		return "", errors.New("no cgroup version 2 hierarchy is mounted")
	}
	below, ok := strings.CutPrefix(rel, strings.TrimSuffix(root, "/"))
	if !ok {
		return "", errors.New("our own cgroup is outside of what is mounted here")
	}
	base := filepath.Join(point, below)
	if filepath.Base(base) == daemonLeaf {
		base = filepath.Dir(base)
	}
	return base, nil
}

// cgroup2Mount reads root and mount point out of a mountinfo (proc_pid_mountinfo(5)).
func cgroup2Mount(mountinfo []byte) (root, point string) {
	sc := bufio.NewScanner(bytes.NewReader(mountinfo))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		dash := slices.Index(f, "-")
		if dash >= 6 && len(f) > dash+1 && f[dash+1] == "cgroup2" {
			return f[3], f[4]
		}
	}
	return "", ""
}

// enable hands down the controllers that help, each alone: some may be refused.
func enable(base string) {
	for _, c := range []string{"+cpu", "+io", "+memory", "+pids"} {
		_ = os.WriteFile(filepath.Join(base, "cgroup.subtree_control"), []byte(c), 0)
	}
}

func (c *cgroup) file(name string) string { return filepath.Join(c.dir, name) }

func (c *cgroup) write(name, value string) error {
	return os.WriteFile(c.file(name), []byte(value), 0)
}

func (c *cgroup) read(name string) string {
	b, _ := os.ReadFile(c.file(name))
	return string(b)
}

func (c *cgroup) controls(name string) bool { return c != nil && slices.Contains(c.have, name) }

// limit sets what the controllers can enforce.
func (c *cgroup) limit(o *orders) {
	if c.controls("pids") {
		_ = c.write("pids.max", strconv.Itoa(o.Tasks))
	}
	if c.controls("memory") {
		_ = c.write("memory.max", strconv.FormatInt(o.Memory, 10))
		_ = c.write("memory.swap.max", "0")
		_ = c.write("memory.oom.group", "1")
	}
	_ = c.impact(o.CPU, o.IO)
}

// impact sets the weights; nil when both controllers took them.
func (c *cgroup) impact(cpu, io Impact) error {
	if !c.controls("cpu") || !c.controls("io") {
		return errors.ErrUnsupported
	}
	if cpu == Idle {
		_ = c.write("cpu.idle", "1")
	} else {
		_ = c.write("cpu.idle", "0")
		_ = c.write("cpu.weight", "100")
	}
	weight := "100"
	if io == Idle {
		weight = "1"
	}
	_ = c.write("io.weight", "default "+weight)
	return nil
}

// into makes a fork begin its life inside the group.
func (c *cgroup) into(a *syscall.SysProcAttr) {
	if c != nil {
		a.UseCgroupFD, a.CgroupFD = true, int(c.fd.Fd())
	}
}

// freeze returns when every process stands still.
func (c *cgroup) freeze(within time.Duration) error {
	if err := c.write("cgroup.freeze", "1"); err != nil {
		return err
	}
	events, err := os.Open(c.file("cgroup.events"))
	if err != nil {
		return err
	}
	defer events.Close()
	for end := time.Now().Add(within); time.Now().Before(end); {
		buf := make([]byte, 256)
		n, _ := events.ReadAt(buf, 0)
		if bytes.Contains(buf[:n], []byte("frozen 1")) || bytes.Contains(buf[:n], []byte("populated 0")) {
			return nil
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, 5)
	}
	return fmt.Errorf("not every process stood still within %s; the kernel goes on trying", within)
}

func (c *cgroup) thaw() error { return c.write("cgroup.freeze", "0") }

func (c *cgroup) kill() error { return c.write("cgroup.kill", "1") }

// remove gives the group back; it must be empty.
func (c *cgroup) remove() {
	if c == nil {
		return
	}
	_ = c.fd.Close()
	_ = os.Remove(c.dir)
}

// usage reads the accounts that its controllers keep.
func (c *cgroup) usage(r *Result) {
	if us := keyed(c.read("cpu.stat"), "usage_usec"); us > 0 {
		r.CPUSeconds = float64(us) / 1e6
	}
	if c.controls("memory") {
		if n, err := strconv.ParseInt(strings.TrimSpace(c.read("memory.peak")), 10, 64); err == nil {
			r.PeakMemoryBytes = n
		}
	}
	if c.controls("io") {
		r.BytesRead, r.BytesWritten = ioStat(c.read("io.stat"))
	}
}

// keyed reads one number of a flat keyed file.
func keyed(text, key string) int64 {
	for l := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(l, key+" "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}

// ioStat sums the devices of an io.stat: "8:0 rbytes=1 wbytes=2 …".
func ioStat(text string) (read, written int64) {
	for _, f := range strings.Fields(text) {
		k, v, _ := strings.Cut(f, "=")
		n, _ := strconv.ParseInt(v, 10, 64)
		switch k {
		case "rbytes":
			read += n
		case "wbytes":
			written += n
		}
	}
	return read, written
}
