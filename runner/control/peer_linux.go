package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel who connected, SO_PEERCRED of unix(7).
func peerOf(c net.Conn) Peer {
	uc, ok := unixConn(c)
	if !ok {
		return Peer{}
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Peer{}
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}) != nil || err != nil {
		return Peer{}
	}
	return Peer{Known: true, PID: int(cred.Pid), UID: int(cred.Uid)}
}
