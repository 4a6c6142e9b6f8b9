package facts

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// startBoth runs f beside the caller; Wait waits for it.
func startBoth(f func()) *sync.WaitGroup {
	wg := new(sync.WaitGroup)
	wg.Go(f)
	return wg
}

// pump calls handle with what can be read from fd until ctx ends, and closes fd.
// It blocks in the runtime's poller, without a thread of its own. It returns why
// it ended before ctx did: the source's error, or handle's.
func pump(ctx context.Context, fd int, handle func([]byte) error) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	f := os.NewFile(uintptr(fd), "events")
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer func() {
		if stop() {
			f.Close()
		}
	}()
	buf := make([]byte, 16<<10)
	for {
		n, err := f.Read(buf)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !recoverable(err):
			return err
		}
		if err := handle(buf[:max(0, n)]); err != nil {
			return err
		}
	}
}

// recoverable errors mean lost events, not a lost source.
func recoverable(err error) bool {
	var errno unix.Errno
	return asErrno(err, &errno) && (errno == unix.ENOBUFS || errno == unix.EINTR || errno == unix.ECANCELED)
}

// netlinkSocket joins multicast groups of a netlink family.
func netlinkSocket(family int, groups uint32) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, family)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// watchNetlink wakes for the messages of multicast groups that concern it. Where
// it cannot, it looks after each pause.
func watchNetlink(ctx context.Context, pause time.Duration, what string, open func() (int, error), wake func(), concerns func(msg []byte) bool) {
	keepWatchingEvery(ctx, pause, what, nil, wake, func(ctx context.Context, up func()) error {
		fd, err := open()
		if err != nil {
			return err
		}
		up()
		return pump(ctx, fd, func(msg []byte) error {
			if concerns(msg) {
				wake()
			}
			return nil
		})
	})
}

// watchUevents wakes for the kernel's events about a subsystem (kobject_uevent).
// A user namespace other than the first gets none for as long as it lives, and is
// not woken every other second for that.
func watchUevents(ctx context.Context, subsystem string, wake func()) {
	pause := lookPause
	if !inFirstUserNamespace() {
		pause = lookAgain
	}
	watchNetlink(ctx, pause, "kernel events about "+subsystem, openUevents, wake, func(msg []byte) bool {
		return len(msg) == 0 || ueventSubsystem(msg) == subsystem // empty: events were lost
	})
}

// openUevents listens to the kernel's device events, which it sends to the
// first user namespace only: elsewhere silence would mean nothing.
func openUevents() (int, error) {
	if !inFirstUserNamespace() {
		return -1, errNoUevents
	}
	return netlinkSocket(unix.NETLINK_KOBJECT_UEVENT, 1)
}

var errNoUevents = errors.New("the kernel sends none to this user namespace")

func inFirstUserNamespace() bool {
	users, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && wholeUserNamespace(string(users))
}

// wholeUserNamespace reports whether a uid_map (user_namespaces(7)) is that of
// the first user namespace: every id is itself.
func wholeUserNamespace(uidMap string) bool {
	return slices.Equal(strings.Fields(uidMap), []string{"0", "0", "4294967295"})
}

// openRoutes listens to links, addresses and routes (rtnetlink(7)).
func openRoutes() (int, error) {
	return netlinkSocket(unix.NETLINK_ROUTE, unix.RTMGRP_LINK|unix.RTMGRP_IPV4_ROUTE|unix.RTMGRP_IPV6_ROUTE)
}

// ueventSubsystem finds the subsystem in a uevent, a header and then
// NUL-separated assignments.
func ueventSubsystem(msg []byte) string {
	for field := range bytes.SplitSeq(msg, []byte{0}) {
		if v, ok := bytes.CutPrefix(field, []byte("SUBSYSTEM=")); ok {
			return string(v)
		}
	}
	return ""
}

// watchRoutes wakes when links, addresses or routes change.
func watchRoutes(ctx context.Context, wake func()) {
	watchNetlink(ctx, lookPause, "routes", openRoutes, wake, func([]byte) bool { return true })
}
