package execute

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// uidBase begins a range that systemd's UIDS-GIDS table lists as unused. Where it is
// not mapped (a container with 65536 ids) the unused range from 60578 serves.
const (
	uidBase, uidCount           = 1_900_000_000, 1 << 20
	smallUIDBase, smallUIDCount = 60578, 606
)

// users gives each updater a user id of its own, for ever: a recycled one would hand
// one vendor's files to another.
type users struct {
	mu   sync.Mutex
	file string
	ns   map[int]*os.File
}

// chooseUser sets orders.UID where the daemon may change users.
func (x *Executor) chooseUser(o *orders, updater string) {
	if os.Geteuid() != 0 || x.opts.Unprivileged {
		o.lack("uid", "the daemon does not run as root, or serves one user")
		return
	}
	uid, err := x.users.of(updater)
	if err != nil {
		o.lack("uid", err.Error())
		return
	}
	o.UID = uid
}

// of returns the updater's user id, durably assigned before it is first used.
func (u *users) of(updater string) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	table := map[string]int{}
	b, err := os.ReadFile(u.file)
	if err == nil {
		err = json.Unmarshal(b, &table)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("reading which updater has which user id: %w", err)
	}
	if uid := table[updater]; uid != 0 {
		return uid, nil
	}
	base, count := uidRange()
	if len(table) >= count {
		return 0, errors.New("no user id is left for another updater")
	}
	next := base
	for _, taken := range table {
		next = max(next, taken+1)
	}
	table[updater] = next
	if b, err = json.MarshalIndent(table, "", " "); err != nil {
		return 0, err
	}
	return next, writeDurably(filepath.Dir(u.file), filepath.Base(u.file), b)
}

// uidRange looks at which ids exist here (user_namespaces(7)).
func uidRange() (base, count int) {
	b, _ := os.ReadFile("/proc/self/uid_map")
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) != 3 {
			continue
		}
		first, _ := strconv.Atoi(f[0])
		n, _ := strconv.Atoi(f[2])
		if first <= uidBase && uidBase+uidCount <= first+n {
			return uidBase, uidCount
		}
	}
	return smallUIDBase, smallUIDCount
}

// userNamespace is a descriptor of a user namespace in which root's files are this
// user's: what an idmapped mount asks for. nil where that cannot be had.
func (x *Executor) userNamespace(uid int) *os.File {
	u := &x.users
	u.mu.Lock()
	defer u.mu.Unlock()
	if uid == 0 {
		return nil
	}
	if u.ns[uid] == nil {
		f, err := newUserNamespace(uid)
		if err != nil {
			x.log.Debug("no user namespace for mapped mounts", "err", err)
			return nil
		}
		if u.ns == nil {
			u.ns = map[int]*os.File{}
		}
		u.ns[uid] = f
	}
	return u.ns[uid]
}

// newUserNamespace forks a child that stops at its execve, before it runs anything,
// takes its namespace and ends it.
func newUserNamespace(uid int) (*os.File, error) {
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"lull", stageWord, "hold"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL, Cloneflags: unix.CLONE_NEWUSER, UidMappings: one, GidMappings: one},
	})
	if err != nil {
		return nil, err
	}
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/user")
	_ = unix.Kill(pid, unix.SIGKILL)
	for {
		var st syscall.WaitStatus
		_, werr := syscall.Wait4(pid, &st, unix.WALL, nil)
		if werr == nil && st.Stopped() || errors.Is(werr, syscall.EINTR) {
			continue
		}
		return f, err
	}
}
