package facts

import (
	"bytes"
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// startBoth runs f beside the caller; Wait waits for it.
func startBoth(f func()) *sync.WaitGroup {
	wg := new(sync.WaitGroup)
	wg.Go(f)
	return wg
}

// pump calls handle with what can be read from fd until ctx ends. It blocks in
// the runtime's poller, without a thread of its own, and closes fd.
func pump(ctx context.Context, fd int, handle func([]byte)) {
	if unix.SetNonblock(fd, true) != nil {
		unix.Close(fd)
		<-ctx.Done()
		return
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
			return
		case err != nil && !recoverable(err):
			<-ctx.Done()
			return
		}
		handle(buf[:max(0, n)])
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

// watchUevents wakes for the kernel's events about a subsystem (kobject_uevent).
func watchUevents(ctx context.Context, subsystem string, wake func()) {
	fd, err := netlinkSocket(unix.NETLINK_KOBJECT_UEVENT, 1)
	if err != nil {
		<-ctx.Done()
		return
	}
	pump(ctx, fd, func(msg []byte) {
		if len(msg) == 0 || ueventSubsystem(msg) == subsystem { // empty: events were lost
			wake()
		}
	})
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

// watchRoutes wakes when links, addresses or routes change (rtnetlink(7)).
func watchRoutes(ctx context.Context, wake func()) {
	fd, err := netlinkSocket(unix.NETLINK_ROUTE, unix.RTMGRP_LINK|unix.RTMGRP_IPV4_ROUTE|unix.RTMGRP_IPV6_ROUTE)
	if err != nil {
		<-ctx.Done()
		return
	}
	pump(ctx, fd, func([]byte) { wake() })
}

// watchDir wakes when an entry of dir was made, replaced or removed. If dir
// does not exist there is nothing to see.
func watchDir(ctx context.Context, dir string, wake func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		<-ctx.Done()
		return
	}
	mask := uint32(unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB)
	if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil {
		unix.Close(fd)
		<-ctx.Done()
		return
	}
	pump(ctx, fd, func([]byte) { wake() })
}
