package execute

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// behaveHere is what only Linux programs do.
func behaveHere(what string, args []string) int {
	switch what {
	case "escape": // a grandchild in a session of its own that ignores SIGTERM and counts
		c := exec.Command("/proc/self/exe", "behave", "orphan", args[0])
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Run(); err != nil {
			fmt.Println(err)
			return 1
		}
		if len(args) > 1 {
			time.Sleep(time.Hour)
		}
		return 0
	case "orphan":
		c := exec.Command("/proc/self/exe", "behave", "stubborn", args[0])
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if c.Start() != nil {
			return 1
		}
		for range 500 {
			if fi, err := os.Stat(args[0]); err == nil && fi.Size() > 0 {
				return 0
			}
			time.Sleep(5 * time.Millisecond)
		}
		return 1
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
		return behave("count", args)
	case "bomb": // forks until it may not; prints how often it could
		return bomb()
	case "mark": // leaves a trace of having run, and takes a while
		f, err := os.OpenFile(filepath.Join(os.Getenv("LULL_STATE_DIR"), "ran"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return 1
		}
		_, _ = f.WriteString("x")
		d, _ := time.ParseDuration(args[0])
		time.Sleep(d)
		return 0
	case "hog":
		var hold [][]byte
		for range 700 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			hold = append(hold, b)
		}
		return len(hold) % 2
	case "children": // n children that spin, until all are frozen and beyond
		n, _ := strconv.Atoi(args[0])
		for range n {
			c := exec.Command("/proc/self/exe", "behave", "spin")
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if c.Start() != nil {
				return 1
			}
		}
		fmt.Fprintln(channel(), `{"progress":{"current":1}}`)
		time.Sleep(time.Hour)
	case "spin":
		for {
			_ = os.Getpid()
		}
	case "burn": // 0.2 s of processor time, however long that takes
		var ru unix.Rusage
		for seconds(ru.Utime)+seconds(ru.Stime) < 0.2 {
			_ = unix.Getrusage(unix.RUSAGE_SELF, &ru)
		}
		return 0
	case "lock": // holds a lock for as long as it is running, and then some
		f, err := os.Create(args[0])
		if err != nil || unix.Flock(int(f.Fd()), unix.LOCK_EX) != nil {
			return 1
		}
		_, _ = f.WriteString("x")
		time.Sleep(300 * time.Millisecond)
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
		time.Sleep(time.Hour)
	case "put":
		if err := os.WriteFile(args[0], []byte("x"), 0o755); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	case "hostile":
		return hostile(args)
	}
	return 99
}

func bomb() int {
	n := 0
	for range 3000 {
		c := exec.Command("/bin/sleep", "1000")
		if c.Start() != nil {
			break
		}
		n++
	}
	fmt.Println(n)
	return 0
}

// sandboxed tells whether this process stands in a sandbox. The hostile list must
// never run outside of one: it would do what it says to the machine under test.
func sandboxed() error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"} {
		if !strings.Contains(string(b), want) {
			return fmt.Errorf("no %s", want)
		}
	}
	if os.Getenv("LULL_FD") == "" {
		return fmt.Errorf("no channel")
	}
	return nil
}

// hostile tries what an updater must not be able to do and prints each success. args:
// the layers in force, the directory of a victim, the address of a listening socket.
func hostile(args []string) int {
	if err := sandboxed(); err != nil {
		fmt.Println("refusing to run outside of a sandbox:", err)
		return 77
	}
	layers, victim, address := strings.Split(args[0], ","), args[1], args[2]
	has := func(l string) bool { return strings.Contains(","+strings.Join(layers, ",")+",", ","+l+",") }
	try := func(name string, err error) {
		if err == nil {
			fmt.Println("HOLE", name)
		}
	}
	for _, f := range []string{"/boot/evil", "/etc/cron.d/evil", "/usr/lib/evil", "/etc/systemd/system/evil.service", "/lib/modules/evil", "/evil",
		"/proc/sys/kernel/core_pattern", "/sys/fs/cgroup/evil", filepath.Join(victim, "evil"), filepath.Join(os.Getenv("LULL_PACKAGE_DIR"), "evil")} {
		try("write "+f, os.WriteFile(f, []byte("x"), 0o644))
	}
	state := os.Getenv("LULL_STATE_DIR")
	own := filepath.Join(state, "own")
	if err := os.WriteFile(own, []byte("x"), 0o755); err != nil {
		fmt.Println("HARM: its own state directory is not writable:", err)
	}
	secret := filepath.Join(victim, "secret")
	_, err := os.ReadFile(secret)
	try("read another's secret", err)
	try("truncate another's file", os.Truncate(secret, 0))
	try("rename another's file", os.Rename(secret, own+"2"))
	try("link another's file", os.Link(secret, own+"3"))
	if has("mount") || has("uid") { // Landlock knows no right for it: an ordinary user's updater may change modes of that user's files
		try("chmod another's file", os.Chmod(secret, 0o777))
	}
	try("set-uid file by chmod", unix.Chmod(own, 0o4755))
	try("set-gid file by fchmodat", unix.Fchmodat(unix.AT_FDCWD, own, 0o2755, 0))
	fd, err := unix.Open(own+"4", unix.O_CREAT|unix.O_WRONLY, 0o4755)
	try("set-uid file by open", err)
	_ = fd
	try("set-gid directory", unix.Mkdir(own+"5", 0o2755))
	try("device node", unix.Mknod(own+"6", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 1))))
	try("block device node", unix.Mknod(own+"7", unix.S_IFBLK|0o666, int(unix.Mkdev(254, 0))))
	for _, dev := range []string{"/dev/mem", "/dev/kvm", "/dev/vda", "/dev/sda", "/dev/kmsg", "/dev/console"} {
		_, err := os.OpenFile(dev, os.O_RDWR, 0)
		try("open "+dev, err)
	}
	try("mount", unix.Mount("x", state, "tmpfs", 0, ""))
	try("remount", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	try("unmount", unix.Unmount("/run", unix.MNT_DETACH))
	try("chroot", unix.Chroot(state))
	try("new user namespace", unix.Unshare(unix.CLONE_NEWUSER))
	c := exec.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	try("clone into a user namespace", c.Run())
	for name, nr := range map[string]uintptr{"init_module": unix.SYS_INIT_MODULE, "finit_module": unix.SYS_FINIT_MODULE, "kexec_load": unix.SYS_KEXEC_LOAD,
		"bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN, "io_uring_setup": unix.SYS_IO_URING_SETUP, "reboot": unix.SYS_REBOOT,
		"settimeofday": unix.SYS_SETTIMEOFDAY, "keyctl": unix.SYS_KEYCTL, "userfaultfd": unix.SYS_USERFAULTFD, "swapon": unix.SYS_SWAPON} {
		if _, _, e := unix.Syscall6(nr, 0, 0, 0, 0, 0, 0); e != unix.EPERM {
			fmt.Println("HOLE", name, e)
		}
	}
	if _, _, e := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0); e != unix.ENOSYS {
		fmt.Println("HOLE clone3", e)
	}
	try("become root", unix.Setuid(0))
	try("trace the parent", unix.PtraceAttach(os.Getppid()))
	if has("landlock") || has("uid") {
		parent := os.Getppid()
		if parent != 1 || !has("pid") {
			try("signal the parent", unix.Kill(parent, 0))
		}
		_, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", parent), os.O_RDWR, 0)
		try("the parent's memory", err)
	}
	if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		fmt.Println("HOLE tcp without the network")
	}
	if _, err := net.DialTimeout("udp", "127.0.0.1:53", time.Second); err == nil {
		fmt.Println("HOLE udp without the network")
	}
	_, err = net.Dial("unix", filepath.Join(victim, "sock"))
	if has("mount") || has("uid") {
		try("another's unix socket", err)
	}
	_, err = net.Dial("unix", "@"+filepath.Base(victim))
	try("an abstract socket", err)
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 0); err == nil && has("priority") {
		fmt.Println("HOLE better priority")
	}
	fmt.Println("tried everything")
	return 0
}

// less makes this run one of a machine that forbids user namespaces.
func less() { withoutUserNamespaces = os.Getenv("LULL_TEST_NO_USERNS") != "" }

// tContext is a context for a process that only a signal ends.
type tContext struct{ context.Context }

func (tContext) Done() <-chan struct{} { return nil }

func itoa(n int) string { return strconv.Itoa(n) }
