package execute

import (
	"bytes"
	"os"
	"strconv"
)

// process is one line of /proc/PID/stat (proc_pid_stat(5)).
type process struct {
	pid, ppid int
	state     byte
	rss       int64 // pages
}

// processes reads all of /proc. One that ends meanwhile is left out.
func processes() []process {
	d, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := d.Readdirnames(-1)
	_ = d.Close()
	var all []process
	for _, n := range names {
		if n[0] < '1' || n[0] > '9' {
			continue
		}
		if b, err := os.ReadFile("/proc/" + n + "/stat"); err == nil {
			if p, ok := parseStat(b); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// parseStat reads a stat line; the name in parentheses may hold anything.
func parseStat(b []byte) (process, bool) {
	open, end := bytes.IndexByte(b, ' '), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 22 || len(f[0]) != 1 {
		return process{}, false
	}
	pid, err1 := strconv.Atoi(string(b[:open]))
	ppid, err2 := strconv.Atoi(string(f[1]))
	rss, err3 := strconv.ParseInt(string(f[21]), 10, 64)
	return process{pid: pid, ppid: ppid, state: f[0][0], rss: rss}, err1 == nil && err2 == nil && err3 == nil
}

// below returns the descendants of a process, itself not included.
func below(root int, all []process) []process {
	in := map[int]bool{root: true}
	var found []process
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if in[p.ppid] && !in[p.pid] {
				in[p.pid], grew = true, true
				found = append(found, p)
			}
		}
	}
	return found
}

// still tells whether a process stands: stopped, traced, or dead.
func (p process) still() bool { return bytes.IndexByte([]byte("TtZX"), p.state) >= 0 }

// threads lists the thread ids of a process.
func threads(pid int) []int {
	d, err := os.Open("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	ids := make([]int, 0, len(names))
	for _, n := range names {
		if id, err := strconv.Atoi(n); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// threadsOf counts the threads of a user id: what RLIMIT_NPROC counts.
func threadsOf(uid int) int {
	n := 0
	for _, p := range processes() {
		if fi, err := os.Stat("/proc/" + strconv.Itoa(p.pid)); err == nil && ownerOf(fi) == uid {
			n += len(threads(p.pid))
		}
	}
	return n
}
