package control

import "net"

// unixConn returns the socket under a connection that Serve accepted.
func unixConn(c net.Conn) (*net.UnixConn, bool) {
	if counted, ok := c.(*countedConn); ok {
		c = counted.Conn
	}
	uc, ok := c.(*net.UnixConn)
	return uc, ok
}
