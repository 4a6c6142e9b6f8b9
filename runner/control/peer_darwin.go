package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel who connected, LOCAL_PEERCRED of unix(4).
func peerOf(c net.Conn) Peer {
	uc, ok := unixConn(c)
	if !ok {
		return Peer{}
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Peer{}
	}
	var cred *unix.Xucred
	if raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	}) != nil || err != nil {
		return Peer{}
	}
	return Peer{Known: true, UID: int(cred.Uid)}
}
