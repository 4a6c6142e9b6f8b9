package execute

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// launched is a launcher that stands confined before its execve, and after that
// the program in its place.
type launched struct {
	tree           *linuxTree
	ended          chan ending
	channel        net.Conn
	stdout, stderr *os.File
	sync           *os.File // the launcher's answers, closed by its execve
}

// Descriptors of a launcher; 0, 1, 2 and channelFD stay open in the program.
const (
	fdSync       = 4
	fdLaunchWith = 5
	fdUserNS     = 6 // for idmapped mounts, only with a UID
)

// answer is what a launcher says through fdSync.
type answer struct {
	Ready *readiness
	Error string
	Retry string // the layer to leave out on the next try
}

// launch starts the launcher, with fewer namespaces when the kernel refuses them
// or a layer turns out not to work here.
func (sv *supervisor) launch() error {
	o := sv.orders
	cg := newCgroup(o)
	o.MountNS, o.NetNS = true, !o.Network
	for {
		p, err := startLauncher(o, cg)
		if err == nil {
			err = p.settle(o, &sv.state)
		}
		if err == nil {
			sv.launched = p
			return nil
		}
		if p != nil {
			_ = p.tree.kill()
		}
		if !degrade(o, err) {
			cg.remove()
			return fmt.Errorf("starting the program confined: %w", err)
		}
	}
}

// retryError names the layer that did not work.
type retryError struct{ layer, why string }

func (e *retryError) Error() string { return "layer " + e.layer + ": " + e.why }

// degrade leaves out one layer; false when there is nothing left to leave out.
func degrade(o *orders, err error) bool {
	var r *retryError
	switch {
	case errors.As(err, &r) && r.layer == "mount" && o.MountNS:
		o.MountNS = false
		o.lack("mount", r.why)
	case errors.As(err, &r) && r.layer == "uid" && o.UID != 0:
		o.UID = 0
		o.lack("uid", r.why)
	case errors.Is(err, errNoNamespace) && o.NetNS:
		o.NetNS = false
		o.lack("net", err.Error())
	case errors.Is(err, errNoNamespace) && o.MountNS:
		o.MountNS = false
		o.lack("mount", err.Error())
	default:
		return false
	}
	return true
}

var errNoNamespace = errors.New("the kernel refuses a new namespace")

// startLauncher forks it into the namespaces that the orders name.
func startLauncher(o *orders, cg *cgroup) (*launched, error) {
	var pipes plumbing
	defer pipes.closeTheirs()
	if err := pipes.open(); err != nil {
		return nil, err
	}
	var with bytes.Buffer
	if err := json.NewEncoder(&with).Encode(o); err != nil {
		return nil, err
	}
	files := []uintptr{pipes.null.Fd(), pipes.out[1].Fd(), pipes.err[1].Fd(), pipes.channel[1].Fd(), pipes.sync[1].Fd(), pipes.with[0].Fd()}
	if o.UID != 0 && o.IDMap {
		files = append(files, uintptr(fdIDMap))
	}
	attr := &syscall.ProcAttr{
		Env: []string{"GOMAXPROCS=2"}, Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: cloneFlags(o), AmbientCaps: ambient(o)},
	}
	cg.into(attr.Sys)
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"lull", stageWord, "launch", o.ID}, attr)
	if err != nil {
		pipes.closeOurs()
		if attr.Sys.Cloneflags != 0 {
			return nil, fmt.Errorf("%w: %w", errNoNamespace, err)
		}
		return nil, err
	}
	p := &launched{tree: newTree(o, pid, cg), ended: make(chan ending, 1), stdout: pipes.out[0], stderr: pipes.err[0], sync: pipes.sync[0]}
	go reap(pid, p.ended, p.tree.gone)
	p.channel, err = net.FileConn(pipes.channel[0])
	_ = pipes.channel[0].Close()
	go func() { _, _ = io.Copy(pipes.with[1], &with); _ = pipes.with[1].Close() }()
	return p, err
}

func cloneFlags(o *orders) uintptr {
	var f uintptr
	if o.MountNS {
		f |= unix.CLONE_NEWNS | unix.CLONE_NEWIPC
	}
	if o.NetNS {
		f |= unix.CLONE_NEWNET
	}
	return f
}

// ambient keeps the capabilities of a user namespace over execve; root has no need.
func ambient(o *orders) []uintptr {
	if !o.UserNS || cloneFlags(o) == 0 {
		return nil
	}
	return []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP, unix.CAP_KILL, unix.CAP_SYS_PTRACE}
}

// settle hears what the confinement came to.
func (p *launched) settle(o *orders, state *readiness) error {
	var a answer
	if err := readLine(p.sync, &a); err != nil {
		e := <-p.ended
		return fmt.Errorf("the launcher did not get ready: %s", e)
	}
	switch {
	case a.Retry != "":
		return &retryError{layer: a.Retry, why: a.Error}
	case a.Error != "":
		return errors.New(a.Error)
	case a.Ready == nil:
		return errors.New("the launcher is not ready")
	}
	*state = *a.Ready
	p.tree.baseline, p.tree.spent = state.Baseline, state.SpentCPU
	return nil
}

// release lets the launcher execute the program and returns when it has.
func (p *launched) release() error {
	if _, err := p.sync.Write([]byte("g")); err != nil {
		return fmt.Errorf("the launcher is gone: %w", err)
	}
	var a answer
	err := readLine(p.sync, &a)
	_ = p.sync.Close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("executing the program: %s", a.Error)
}

// plumbing is the pipes between a supervisor and its launcher; [0] is ours
// except for with, which the launcher reads.
type plumbing struct {
	null                          *os.File
	out, err, with, channel, sync [2]*os.File
}

func (p *plumbing) open() (err error) {
	if p.null, err = os.Open(os.DevNull); err != nil {
		return err
	}
	for _, pair := range []*[2]*os.File{&p.out, &p.err, &p.with} {
		if pair[0], pair[1], err = os.Pipe(); err != nil {
			return err
		}
	}
	for _, pair := range []*[2]*os.File{&p.channel, &p.sync} {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		pair[0], pair[1] = os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	}
	return nil
}

func (p *plumbing) closeTheirs() {
	closeAll(p.null, p.out[1], p.err[1], p.with[0], p.channel[1], p.sync[1])
}

func (p *plumbing) closeOurs() { closeAll(p.out[0], p.err[0], p.with[1], p.channel[0], p.sync[0]) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
