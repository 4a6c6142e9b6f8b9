package execute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Descriptors of a supervisor.
const (
	fdOrders = 3
	fdDir    = 4 // RunDir/ID
	fdListen = 5
	fdLock   = 6
	fdLog    = 7 // with orders.Log
	fdIDMap  = 8 // with orders.IDMap
)

// stage runs one of the two hidden programs.
func stage(name string) int {
	runtime.LockOSThread() // PDEATHSIG follows the thread that forks, and confinement the thread that executes
	switch name {
	case "supervise":
		if err := superviseMain(); err != nil {
			fmt.Fprintln(os.Stderr, "lull: supervisor:", err)
			return 1
		}
		return 0
	case "launch":
		launchMain()
	}
	return 1
}

// superviseMain is the whole life of a supervisor.
func superviseMain() error {
	deaf()
	_ = unix.CloseRange(fdOrders, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	var o orders
	if err := json.NewDecoder(os.NewFile(fdOrders, "orders")).Decode(&o); err != nil {
		return fmt.Errorf("reading the orders: %w", err)
	}
	ln, err := net.FileListener(os.NewFile(fdListen, "control"))
	if err != nil {
		return err
	}
	l := newLink()
	go l.accept(ln)
	defer l.hangUp()
	if o.PIDNS {
		ownProc(&o)
	}
	sv := &supervisor{orders: &o, link: l, dir: fmt.Sprintf("/proc/self/fd/%d", fdDir)}
	if err := sv.launch(); err != nil {
		l.tell(report{Error: err.Error()})
		return nil
	}
	return sv.serve()
}

// deaf takes every signal without acting on it: only its own end, or SIGKILL
// from outside, ends a supervisor. Handlers, unlike SIG_IGN, are not inherited.
func deaf() {
	signal.Notify(make(chan os.Signal, 1))
}

// supervisor is one attempt, seen from its supervisor.
type supervisor struct {
	orders   *orders
	link     *link
	dir      string
	launched *launched
	state    readiness
}

// serve brings the attempt from confined to ended.
func (sv *supervisor) serve() error {
	defer sv.launched.tree.remove()
	sv.link.tell(report{Ready: &sv.state})
	if err := sv.await(); err != nil {
		_ = sv.launched.tree.kill()
		return nil
	}
	if err := sv.begin(); err != nil {
		_ = sv.launched.tree.kill()
		sv.link.tell(report{Error: err.Error()})
		return nil
	}
	sv.link.tell(report{Begun: true})
	r := sv.supervision().run()
	r.Layers, r.LandlockABI, r.Memory = sv.state.Layers, sv.state.LandlockABI, sv.state.Memory
	err := writeExit(sv.dir, r)
	sv.link.tell(report{Result: &r})
	return err
}

// await waits for the daemon's last word before the program is executed.
// A daemon that dies or does anything else has not said it.
func (sv *supervisor) await() error {
	select {
	case c := <-sv.link.commands:
		if c.Do == doBegin {
			return nil
		}
	case <-sv.link.orphaned:
	case <-sv.launched.ended:
	}
	return errors.New("not to begin")
}

// begin marks the attempt as begun, on disk, and lets the launcher execute the
// program. An error means that it has not been executed; the mark is gone again.
func (sv *supervisor) begin() error {
	if err := writeDurably(sv.dir, begunName, []byte(bootID())); err != nil {
		return fmt.Errorf("marking the attempt as begun: %w", err)
	}
	if err := sv.launched.release(); err != nil {
		return errors.Join(err, os.Remove(sv.dir+"/"+begunName))
	}
	return nil
}

func (sv *supervisor) supervision() *supervision {
	o, p := sv.orders, sv.launched
	s := &supervision{
		limit: o.Limit, idempotent: o.Idempotent, outputLimit: o.OutputLimit,
		tree: p.tree, link: sv.link, channel: p.channel, stdout: p.stdout, stderr: p.stderr,
		log: &boundedLog{left: o.LogLimit}, ended: p.ended,
	}
	if sv.state.Memory != "enforced" {
		s.memory = o.Memory
	}
	if o.Log {
		s.log.w = os.NewFile(fdLog, "log")
	}
	return s
}

// bootID names this boot of the kernel.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// ownProc gives a supervisor in a new pid namespace a /proc that shows it. Without
// one it can still kill and freeze all, but not look at them.
func ownProc(o *orders) {
	if !o.MountNS {
		return
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return
	}
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// procIsOurs tells whether /proc shows this process's own pid namespace.
func procIsOurs() bool {
	s, err := os.Readlink("/proc/self")
	return err == nil && s == fmt.Sprint(os.Getpid())
}

// reap collects every child until none is left. The end of the main process goes
// to ended, the end of all closes gone.
func reap(main int, ended chan<- ending, gone chan<- struct{}) {
	for {
		var st syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &st, unix.WALL, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			close(gone)
			return
		}
		if pid == main {
			ended <- endingOf(st)
		}
	}
}

func endingOf(st syscall.WaitStatus) ending {
	if st.Signaled() {
		return ending{code: -1, signal: unix.SignalName(st.Signal())}
	}
	return ending{code: st.ExitStatus()}
}

// readLine reads one JSON line of the launcher without reading beyond it.
func readLine(r io.Reader, v any) error {
	return json.NewDecoder(r).Decode(v)
}
