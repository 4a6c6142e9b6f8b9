package execute

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// launchMain confines its own thread, layer after layer, and becomes the program.
// It never returns: execve or exit.
func launchMain() {
	sync := os.NewFile(fdSync, "sync")
	_ = unix.CloseRange(fdSync, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	say := json.NewEncoder(sync)
	var o orders
	if err := json.NewDecoder(os.NewFile(fdLaunchWith, "orders")).Decode(&o); err != nil {
		fatal(say, err)
	}
	state, err := confine(&o)
	if err != nil {
		fatal(say, err)
	}
	_ = say.Encode(answer{Ready: state})
	var g [1]byte
	if n, err := sync.Read(g[:]); n != 1 || err != nil {
		os.Exit(1) // the supervisor is gone or has changed its mind
	}
	fatal(say, syscall.Exec(o.Path, o.Args, o.Env))
}

func fatal(say *json.Encoder, err error) {
	a := answer{Error: err.Error()}
	var r *retryError
	if errors.As(err, &r) {
		a.Retry, a.Error = r.layer, r.why
	}
	_ = say.Encode(a)
	os.Exit(1)
}

// confine puts the layers on, best first. A layer that the machine does not have is
// noted as missing; one that breaks half-way asks for another try without it.
// The order matters: mounts need capabilities, Landlock forbids mounts, seccomp
// forbids nearly everything that came before.
func confine(o *orders) (*readiness, error) {
	c := &confinement{orders: o, uid: os.Geteuid()}
	if o.UID != 0 {
		c.uid = o.UID
	}
	for _, step := range []func() error{
		c.priorities, c.mounts, c.standIn, c.noNewPrivs, c.landlock, c.rlimits, c.identity, c.seccomp,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c.state(), nil
}

// confinement collects what is in force.
type confinement struct {
	orders *orders
	uid    int // of the program
	layers []string
	abi    int
	memory string
}

func (c *confinement) have(layer string) { c.layers = append(c.layers, layer) }

// attempt notes a layer as in force or as missing.
func (c *confinement) attempt(layer string, err error) {
	if err != nil {
		c.orders.lack(layer, err.Error())
		return
	}
	c.have(layer)
}

func (c *confinement) state() *readiness {
	o := c.orders
	if o.PIDNS {
		c.have("pid")
	}
	if o.NetNS {
		c.have("net")
	}
	if o.Cgroup != "" {
		c.have("cgroup")
	}
	peak, cpu := ownUsage()
	return &readiness{Layers: ordered(c.layers), LandlockABI: c.abi, Memory: c.memory, Missing: o.Missing, Baseline: peak, SpentCPU: cpu}
}

// priorities are first in the list of the notes and last in effect: see standIn.
func (c *confinement) priorities() error {
	c.attempt("oom", preferToDie())
	return nil
}

func (c *confinement) mounts() error {
	o := c.orders
	if !o.MountNS {
		o.lack("mount", "no mount namespace")
		return createMissing(o.Write)
	}
	if err := confineMounts(o); err != nil {
		return &retryError{layer: "mount", why: err.Error()}
	}
	c.have("mount")
	return nil
}

// standIn enters the package directory, as the program will find it.
func (c *confinement) standIn() error {
	unix.Umask(0o022)
	if err := os.Chdir(c.orders.Places.Package); err != nil {
		return fmt.Errorf("entering the package: %w", err)
	}
	return nil
}

func (c *confinement) noNewPrivs() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		c.orders.lack("no_new_privs", err.Error())
		return nil
	}
	c.have("no_new_privs")
	return nil
}

func (c *confinement) landlock() error {
	abi, err := restrictPaths(c.orders)
	if err == nil {
		c.abi = abi
	}
	c.attempt("landlock", err)
	return nil
}

func (c *confinement) rlimits() error {
	err := rlimits(c.orders, c.uid)
	c.attempt("rlimits", err)
	switch {
	case (&cgroup{have: c.orders.Controllers}).controls("memory"):
		c.memory = "enforced"
	case err == nil:
		c.memory = "weak"
	default:
		c.memory = "none"
	}
	return nil
}

// identity gives up root: another user id where one was given, and every capability.
func (c *confinement) identity() error {
	o := c.orders
	dropBounding()
	if o.UID != 0 {
		if err := become(o.UID); err != nil {
			return &retryError{layer: "uid", why: err.Error()}
		}
		if err := unix.Access(o.Path, unix.X_OK); err != nil {
			return &retryError{layer: "uid", why: "the program cannot be reached by another user: " + err.Error()}
		}
		c.have("uid")
	}
	c.attempt("capabilities", dropCapabilities())
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) // a change of user clears it
	return nil
}

// seccomp comes last, together with the priority: a start must not wait behind
// everything that the machine is doing.
func (c *confinement) seccomp() error {
	c.attempt("priority", prioritise(0, c.orders.CPU, c.orders.IO))
	c.attempt("seccomp", filterCalls(c.orders.Network))
	return nil
}

// layerOrder is how layers are listed everywhere.
var layerOrder = []string{"mount", "pid", "net", "landlock", "seccomp", "uid", "capabilities", "no_new_privs", "cgroup", "rlimits", "priority", "oom"}

func ordered(layers []string) []string {
	var out []string
	for _, l := range layerOrder {
		for _, have := range layers {
			if have == l {
				out = append(out, l)
			}
		}
	}
	return out
}

// ownUsage is what this process itself took before it became the program: its resident
// peak, which ru_maxrss keeps over execve, and its processor time.
func ownUsage() (peak int64, cpu float64) {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0, 0
	}
	return int64(ru.Maxrss) * 1024, seconds(ru.Utime) + seconds(ru.Stime)
}
