package execute

import (
	"bufio"
	"encoding/json"
	"net"
	"sync"
	"time"
)

// link is the supervisor's end of its talk with the daemon, which may die and
// come back: the newest connection counts.
type link struct {
	commands chan command
	orphaned chan struct{} // the daemon's connection ended and no newer one is there

	mu   sync.Mutex
	conn net.Conn
	out  *lineWriter
	last report // what a newly come daemon must hear first
}

func newLink() *link {
	return &link{commands: make(chan command), orphaned: make(chan struct{}, 1)}
}

// accept serves every connection of the listener until it is closed.
func (l *link) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go l.serve(c)
	}
}

// serve reads one daemon's commands until it goes away.
func (l *link) serve(c net.Conn) {
	l.replace(c)
	in := bufio.NewScanner(c)
	for in.Scan() {
		var cmd command
		if json.Unmarshal(in.Bytes(), &cmd) != nil {
			break
		}
		l.commands <- cmd
	}
	_ = c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c {
		return
	}
	l.conn, l.out = nil, nil
	select {
	case l.orphaned <- struct{}{}:
	default:
	}
}

func (l *link) replace(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
	}
	l.conn, l.out = c, &lineWriter{w: c}
	if l.last.Ready != nil || l.last.Begun {
		l.send(l.last)
	}
}

// tell sends a report to the daemon, if one is there. A daemon that does not read
// for two seconds is as good as dead.
func (l *link) tell(r report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Ready != nil || r.Begun {
		l.last = r
	}
	l.send(r)
}

func (l *link) send(r report) {
	if l.conn == nil {
		return
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	if l.out.write(r) != nil {
		_ = l.conn.Close()
	}
}

// hangUp ends the talk, after what was told has been handed over.
func (l *link) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}
