//go:build unix && !linux

package execute

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// The tree is a process group: a program that makes a session of its own leaves it.
// That is why "group" is the only layer named here.

var layersHere = []string{"group"}

const memoryHere = "none"

func systemEnv() []string { return nil }

func signalOf(st *os.ProcessState) string {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return unix.SignalName(ws.Signal())
	}
	return ""
}

type group struct {
	cmd  *exec.Cmd
	gone chan struct{}
}

func startTree(cmd *exec.Cmd, s Spec) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &group{cmd: cmd, gone: make(chan struct{})}
	_ = g.throttle(s.CPU, s.IO)
	return g, nil
}

func (g *group) wait() ending {
	_ = g.cmd.Wait()
	close(g.gone)
	return endOf(g.cmd.ProcessState)
}

// signal reaches the whole group; one that is gone is no error.
func (g *group) signal(s syscall.Signal) error {
	err := unix.Kill(-g.cmd.Process.Pid, s)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

func (g *group) freeze() error { return g.signal(unix.SIGSTOP) }
func (g *group) thaw() error   { return g.signal(unix.SIGCONT) }
func (g *group) ask()          { _ = g.signal(unix.SIGTERM) }

func (g *group) kill() error {
	err := g.signal(unix.SIGKILL)
	<-g.gone
	return err
}

func (g *group) throttle(cpu, _ Impact) error {
	nice := 0
	if cpu == Idle {
		nice = 19
	}
	return unix.Setpriority(unix.PRIO_PGRP, g.cmd.Process.Pid, nice)
}

func (g *group) blocks() bool { return false }

func (g *group) resident() int64 { return 0 }

func (g *group) usage(r *Result) {
	st := g.cmd.ProcessState
	r.CPUSeconds = (st.UserTime() + st.SystemTime()).Seconds()
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		r.PeakMemoryBytes = ru.Maxrss
	}
}
