package execute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// begin makes the attempt's directory, starts its supervisor, and returns when the
// program stands confined and waits for the last word.
func (x *Executor) prepare(ctx context.Context, s Spec, p program) (*Process, *readiness, error) {
	dir := x.dir(s.ID)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return nil, nil, fmt.Errorf("making the directory of the attempt: %w", err)
	}
	pr, ready, err := x.supervised(ctx, dir, s, p)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return pr, ready, nil
}

func (x *Executor) supervised(ctx context.Context, dir string, s Spec, p program) (*Process, *readiness, error) {
	o, err := x.orders(dir, s, p)
	if err != nil {
		return nil, nil, err
	}
	conn, err := x.spawn(dir, o, s.LogFile)
	if err != nil {
		return nil, nil, fmt.Errorf("starting the supervisor: %w", err)
	}
	pr := newProcess(s.ID, dir, conn)
	ready, err := pr.whenReady(ctx)
	if err != nil {
		pr.abandon()
		x.waitForLock(dir)
		return nil, nil, err
	}
	return pr, ready, nil
}

// orders decides everything that can be decided before a process exists.
func (x *Executor) orders(dir string, s Spec, p program) (*orders, error) {
	file, args := p.Argv(s.Action)
	if file == "" {
		return nil, fmt.Errorf("the package has no program for %s", s.Action)
	}
	o := &orders{
		ID: s.ID, Path: file, Args: append([]string{file}, args...), Write: s.Write, Network: s.Network, Limit: s.limit(),
		Memory: s.MemoryBytes, Tasks: s.Tasks, CPU: s.CPU, IO: s.IO, Idempotent: s.Idempotent,
		OutputLimit: s.OutputLimit, LogLimit: s.LogLimit, Log: s.LogFile != "",
		Places: places{Package: p.Dir(), Artifacts: p.ArtifactDir(), State: s.StateDir, Stage: s.StageDir, Home: s.HomeDir, Tmp: s.TmpDir},
	}
	if o.Places.Home == "" {
		o.Places.Home = filepath.Join(dir, "home")
	}
	if o.Places.Tmp == "" {
		o.Places.Tmp = filepath.Join(dir, "tmp")
	}
	x.chooseUser(o, s.Updater)
	if err := o.Places.make(o.UID); err != nil {
		return nil, err
	}
	o.Env = environment(s, o.Places, true)
	return o, nil
}

// make creates the program's own directories, gives them to it, and replaces each
// path by the one without links, so that no link need be followed later.
func (p *places) make(uid int) error {
	for _, d := range []*string{&p.State, &p.Stage, &p.Home, &p.Tmp} {
		if err := os.MkdirAll(*d, 0o755); err != nil {
			return err
		}
		if uid != 0 {
			if err := giveAway(*d, uid); err != nil {
				return err
			}
		}
	}
	for _, d := range []*string{&p.State, &p.Stage, &p.Home, &p.Tmp, &p.Package, &p.Artifacts} {
		if *d == "" {
			continue
		}
		real, err := filepath.EvalSymlinks(*d)
		if err != nil {
			return err
		}
		*d = real
	}
	return nil
}

// spawn forks the supervisor and returns the connection to it.
func (x *Executor) spawn(dir string, o *orders, logFile string) (net.Conn, error) {
	var open []*os.File
	defer func() { closeAll(open...) }()
	keep := func(f *os.File, err error) (uintptr, error) {
		if err != nil {
			return 0, err
		}
		open = append(open, f)
		return f.Fd(), nil
	}
	null, err1 := keep(os.OpenFile(os.DevNull, os.O_RDWR, 0))
	trace, err2 := keep(os.OpenFile(filepath.Join(dir, traceName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600))
	own, err3 := keep(os.Open(dir))
	lock, err4 := keep(takeLock(dir))
	listener, err5 := keep(listenIn(dir))
	log, idmap := null, null
	var err6 error
	if logFile != "" {
		log, err6 = keep(os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640))
	}
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, err
	}
	if ns := x.userNamespace(o.UID); ns != nil {
		idmap, o.IDMap = ns.Fd(), true
	}
	conn, err := dialIn(dir)
	if err != nil {
		return nil, err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	open = append(open, in)
	if err := fork(o, []uintptr{null, null, trace, in.Fd(), own, listener, lock, log, idmap}); err != nil {
		closeAll(out)
		return nil, errors.Join(err, conn.Close())
	}
	err = json.NewEncoder(out).Encode(o)
	return conn, errors.Join(err, out.Close())
}

// fork starts the supervisor as the init of a new pid namespace where that is
// allowed, by our own rights or those of a user namespace, and plainly elsewhere.
func fork(o *orders, files []uintptr) error {
	var last error
	for _, kind := range kinds() {
		o.UserNS, o.PIDNS, o.MountNS = kind.user, kind.pid, kind.pid
		attr := &syscall.ProcAttr{Env: []string{"GOMAXPROCS=2", "GOTRACEBACK=all"}, Files: files, Sys: kind.attr()}
		pid, err := syscall.ForkExec("/proc/self/exe", []string{"lull", stageWord, "supervise", o.ID}, attr)
		if err == nil {
			go collect(pid)
			return nil
		}
		last = err
		o.lack("pid", err.Error())
	}
	return last
}

// collect reaps a supervisor; what it came to is told over its connection.
func collect(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// withoutUserNamespaces is turned on by tests of machines that forbid them.
var withoutUserNamespaces bool

// kind is one way of forking a supervisor.
type kind struct{ user, pid bool }

func kinds() []kind {
	if os.Geteuid() == 0 {
		return []kind{{pid: true}, {}}
	}
	if withoutUserNamespaces {
		return []kind{{}}
	}
	return []kind{{user: true, pid: true}, {}}
}

func (k kind) attr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	if k.pid {
		a.Cloneflags |= unix.CLONE_NEWPID | unix.CLONE_NEWNS
	}
	if k.user {
		uid, gid := os.Geteuid(), os.Getegid()
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		a.AmbientCaps = ambient(&orders{UserNS: true, MountNS: true})
	}
	return a
}

// takeLock locks the attempt. The lock belongs to the open file, so that it lives
// on in the supervisor after our own descriptor is closed.
func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// A socket's path may have 108 bytes, which RunDir can exceed: it is named
// through a descriptor of its directory.
func shortly(dir string, f func(addr *net.UnixAddr) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return f(&net.UnixAddr{Net: "unix", Name: "/proc/self/fd/" + strconv.Itoa(int(d.Fd())) + "/" + socketName})
}

func listenIn(dir string) (f *os.File, err error) {
	err = shortly(dir, func(a *net.UnixAddr) error {
		ln, err := net.ListenUnix("unix", a)
		if err != nil {
			return err
		}
		ln.SetUnlinkOnClose(false)
		f, err = ln.File()
		return errors.Join(err, os.Chmod(a.Name, 0o600), ln.Close())
	})
	return f, err
}

func dialIn(dir string) (c net.Conn, err error) {
	err = shortly(dir, func(a *net.UnixAddr) error {
		u, err := net.DialUnix("unix", nil, a)
		if err == nil {
			c = u
		}
		return err
	})
	return c, err
}
