package execute

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Classes of ioprio_set(2), which x/sys does not name.
const (
	ioprioProcess   = 1
	ioprioNormal    = 2<<13 | 4
	ioprioIdle      = 3 << 13
	schedNormalAttr = 0
	schedIdleAttr   = 5
)

// prioritise sets scheduler class, nice value and I/O class of one thread, 0 for this one.
func prioritise(tid int, cpu, io Impact) error {
	attr, nice := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: schedIdleAttr, Nice: 19}, 19
	if cpu == Normal {
		attr.Policy, attr.Nice, nice = schedNormalAttr, 0, 0
	}
	prio := ioprioIdle
	if io == Normal {
		prio = ioprioNormal
	}
	_, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, ioprioProcess, uintptr(tid), uintptr(prio))
	err := errors.Join(unix.Setpriority(unix.PRIO_PROCESS, tid, nice), unix.SchedSetAttr(tid, &attr, 0))
	if errno != 0 {
		err = errors.Join(err, errno)
	}
	return err
}

// preferToDie makes the out-of-memory killer take the program before anything of the user's.
func preferToDie() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("900"), 0) }

// rlimits bound one process each; the tree is bounded by the cgroup or the watch.
// RLIMIT_AS breaks programs that reserve address space (node, java, go): DATA does not.
func rlimits(o *orders, uid int) error {
	set := func(what int, n uint64) error {
		return unix.Prlimit(0, what, &unix.Rlimit{Cur: n, Max: n}, nil)
	}
	err := errors.Join(set(unix.RLIMIT_CORE, 0), set(unix.RLIMIT_DATA, uint64(o.Memory)), set(unix.RLIMIT_MEMLOCK, 64<<10),
		set(unix.RLIMIT_MSGQUEUE, 64<<10), set(unix.RLIMIT_NICE, 0), set(unix.RLIMIT_RTPRIO, 0), set(unix.RLIMIT_SIGPENDING, 1024))
	if uid == 0 { // the kernel does not count root's processes
		return err
	}
	tasks := uint64(o.Tasks)
	if o.UID == 0 { // our own user's other processes count too
		tasks += uint64(max(0, threadsOf(uid)-len(threads(os.Getpid())))) // this process's threads end with its execve
	}
	return errors.Join(err, set(unix.RLIMIT_NPROC, tasks))
}
