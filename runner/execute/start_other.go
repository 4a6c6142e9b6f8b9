//go:build !linux

package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Elsewhere than on Linux there is no supervisor of its own: the supervision runs
// inside the daemon, and the tree ends with it where the platform can do that (a
// job object). Nothing confines the program, and Layers says so.

func stage(string) int { return 1 }

// users is empty: programs run as the daemon's user.
type users struct{ file string }

func (x *Executor) prepare(_ context.Context, s Spec, p program) (*Process, *readiness, error) {
	dir := x.dir(s.ID)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the directory of the attempt: %w", err)
	}
	file, args := p.Argv(s.Action)
	if file == "" {
		return nil, nil, errors.Join(fmt.Errorf("the package has no program for %s", s.Action), os.RemoveAll(dir))
	}
	d := &direct{spec: s, dir: dir, link: newLink(), state: readiness{Layers: layersHere, Memory: memoryHere}}
	where := places{Package: p.Dir(), Artifacts: p.ArtifactDir(), State: s.StateDir, Stage: s.StageDir, Home: s.HomeDir, Tmp: s.TmpDir}
	if err := where.make(dir); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	d.cmd = exec.Command(file, args...)
	d.cmd.Dir = where.Package
	d.cmd.Env = append(environment(s, where, false), systemEnv()...)
	ours, theirs := net.Pipe()
	go d.link.serve(theirs)
	go d.serve()
	return newProcess(s.ID, dir, ours), &d.state, nil
}

func (p *places) make(dir string) error {
	if p.Home == "" {
		p.Home = filepath.Join(dir, "home")
	}
	if p.Tmp == "" {
		p.Tmp = filepath.Join(dir, "tmp")
	}
	for _, d := range []string{p.State, p.Stage, p.Home, p.Tmp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// direct is one attempt that the daemon supervises itself.
type direct struct {
	spec  Spec
	dir   string
	link  *link
	cmd   *exec.Cmd
	state readiness
}

// serve waits for the last word and then does what a supervisor does.
func (d *direct) serve() {
	defer d.link.hangUp()
	select {
	case c := <-d.link.commands:
		if c.Do != doBegin {
			return
		}
	case <-d.link.orphaned:
		return
	}
	s, err := d.begin()
	if err != nil {
		d.link.tell(report{Error: err.Error()})
		return
	}
	d.link.tell(report{Begun: true})
	r := s.run()
	r.Layers, r.Memory = d.state.Layers, d.state.Memory
	_ = writeExit(d.dir, r)
	d.link.tell(report{Result: &r})
}

func (d *direct) begin() (*supervision, error) {
	s := &supervision{
		limit: d.spec.limit(), idempotent: d.spec.Idempotent, outputLimit: d.spec.OutputLimit, memory: d.spec.MemoryBytes,
		link: d.link, log: &boundedLog{left: d.spec.LogLimit},
	}
	if d.spec.LogFile != "" {
		f, err := os.OpenFile(d.spec.LogFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o640)
		if err != nil {
			return nil, err
		}
		s.log.w = f
	}
	var ends [2]*os.File
	var err error
	if s.stdout, ends[0], err = pipe(); err != nil {
		return nil, err
	}
	if s.stderr, ends[1], err = pipe(); err != nil {
		return nil, err
	}
	d.cmd.Stdout, d.cmd.Stderr = ends[0], ends[1]
	if err := writeDurably(d.dir, begunName, []byte("this boot")); err != nil {
		return nil, err
	}
	t, err := startTree(d.cmd, d.spec)
	_, _ = ends[0].Close(), ends[1].Close()
	if err != nil {
		return nil, errors.Join(err, os.Remove(filepath.Join(d.dir, begunName)))
	}
	ended := make(chan ending, 1)
	go func() { ended <- t.wait() }()
	s.tree, s.ended = t, ended
	return s, nil
}

func pipe() (io.Reader, *os.File, error) {
	r, w, err := os.Pipe()
	return r, w, err
}

func endOf(st *os.ProcessState) ending { return ending{code: st.ExitCode(), signal: signalOf(st)} }

// adopt cannot find a running program again: it has ended with the daemon or is
// beyond reach, so only what is on disk counts.
func (x *Executor) adopt(id string) (*Process, *Result, AdoptState, error) {
	r, state, err := settle(x.dir(id), false)
	return nil, r, state, err
}

func (x *Executor) waitForLock(string) {}
