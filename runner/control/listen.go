package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
)

// Listen makes the socket, replacing one that a dead daemon left: the caller
// holds the daemon's lock, so nobody else listens there. What is not a socket
// is left alone. Everybody may connect; what they may do depends on who they
// are.
func Listen(path string) (net.Listener, error) {
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("open the control socket to all: %w", err), l.Close())
	}
	return l, nil
}

func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the old control socket: %w", err)
	}
	if info.Mode().Type()&os.ModeSocket == 0 {
		return fmt.Errorf("%s is in the place of the control socket and is not a socket; move it away", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the old control socket: %w", err)
	}
	return nil
}

// maxConnections is how many connections one user may have open. The bound is
// per user, so that nobody can shut the administrator out by opening many.
const maxConnections = 32

// fairListener drops connections of a user who has too many.
type fairListener struct {
	net.Listener
	mu   sync.Mutex
	open map[Peer]int
}

func newFairListener(l net.Listener) *fairListener {
	return &fairListener{Listener: l, open: map[Peer]int{}}
}

// Accept waits for the next connection of a user who may have one more.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := peerOf(c)
		who.PID = 0 // counted by user
		if l.enter(who) {
			return &countedConn{Conn: c, leave: func() { l.leave(who) }}, nil
		}
		c.Close()
	}
}

func (l *fairListener) enter(who Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= maxConnections {
		return false
	}
	l.open[who]++
	return true
}

func (l *fairListener) leave(who Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who]--; l.open[who] <= 0 {
		delete(l.open, who)
	}
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection, once.
func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}
