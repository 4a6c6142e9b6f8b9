package execute

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Work names what an attempt consists of, so that its use of the machine can be
// told from everybody else's: its cgroup, as a path below the mount of the
// version 2 hierarchy, or, where it has none, the ids of its processes. Both are
// empty once it has ended. It reads /proc and is meant to be asked while
// something runs, not per event.
func (p *Process) Work() (cgroup string, pids []int) {
	select {
	case <-p.done:
		return "", nil
	default:
	}
	if rel := attemptCgroup(p.id); rel != "" {
		return rel, nil
	}
	root := supervisorOf(p.id)
	if root == 0 {
		return "", nil
	}
	for _, q := range below(root, processes()) {
		pids = append(pids, q.pid)
	}
	return "", append(pids, root)
}

// attemptCgroup is the group of a running attempt, or "".
func attemptCgroup(id string) string {
	base, err := cgroupBase("/proc/self")
	if err != nil {
		return ""
	}
	dir := filepath.Join(base, "lull-"+id)
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
		return ""
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	_, point := cgroup2Mount(mounts)
	rel, err := filepath.Rel(point, dir)
	if err != nil {
		return ""
	}
	return rel
}

// supervisorOf finds the supervisor of an attempt by the name it was started
// with, which only a process of ours can have together with the id; 0 when it is
// gone. The socket would not tell: it was made by the daemon before the fork.
func supervisorOf(id string) int {
	want := []byte("lull\x00" + stageWord + "\x00supervise\x00" + id + "\x00")
	for _, p := range processes() {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/cmdline")
		if err == nil && bytes.Equal(line, want) {
			return p.pid
		}
	}
	return 0
}
