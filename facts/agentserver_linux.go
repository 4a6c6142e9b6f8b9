package facts

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// agentReport is what one user's agent says.
type agentReport struct {
	uid  uint32
	last time.Duration            // boot time of its user's last input
	busy map[string]time.Duration // reasons and their ages
	why  string                   // why it does not answer
}

var fromAgent = &origin{"agents", good}

func (a agentReport) user() string { return strconv.Itoa(int(a.uid)) }

func (a agentReport) report(now time.Duration) report {
	name := "agent of user " + a.user()
	if a.why != "" {
		return report{source: name, answer: silent, why: a.why, agent: true}
	}
	return report{source: name, answer: answered, idle: now - a.last, proof: true, agent: true}
}

// agentServer takes the reports of per-user agents on a unix socket. Who
// speaks is told by the kernel (SO_PEERCRED), never by the agent. An agent that
// was there and is gone makes presence unknown until its user's agent is back
// or a minute has passed in which nothing else of that user is there.
type agentServer struct {
	path     string
	deadline time.Duration
	once     sync.Once
	listener *net.UnixListener
	done     sync.WaitGroup

	mu     sync.Mutex
	agents map[uint32]*agentConn
	gone   map[uint32]time.Duration // agents that were lost, and when
	wakers map[*func()]bool
}

type agentConn struct {
	conn *net.UnixConn
	in   chan AgentMessage
	uid  uint32
}

func newAgentServer(o *Options) *agentServer {
	return &agentServer{path: o.AgentSocket, deadline: o.Deadline, agents: map[uint32]*agentConn{},
		gone: map[uint32]time.Duration{}, wakers: map[*func()]bool{}}
}

// start listens; without a path there are no agents.
func (s *agentServer) start() {
	if s.path == "" {
		return
	}
	_ = os.Remove(s.path)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		return
	}
	_ = os.Chmod(s.path, 0o666) // anybody may report, about nobody but himself
	s.listener = l
	s.done.Go(func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			s.done.Go(func() { s.serve(conn) })
		}
	})
}

// serve reads one agent's lines until it ends.
func (s *agentServer) serve(conn *net.UnixConn) {
	defer conn.Close()
	uid, err := peerUID(conn)
	if err != nil {
		return
	}
	a := &agentConn{conn: conn, in: make(chan AgentMessage, 1), uid: uid}
	s.join(a)
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 4096), 4096)
	out := false
	for lines.Scan() && !out {
		m, err := parseAgentMessage(lines.Bytes())
		if err != nil {
			break
		}
		out = m.LoggedOut
		a.take(s, m)
	}
	s.leave(a, out)
}

func (a *agentConn) take(s *agentServer, m AgentMessage) {
	if m.Returned {
		s.wake()
		return
	}
	select {
	case <-a.in: // an answer that nobody waited for
	default:
	}
	a.in <- m
}

func (s *agentServer) join(a *agentConn) {
	s.mu.Lock()
	if old := s.agents[a.uid]; old != nil {
		old.conn.Close()
	}
	s.agents[a.uid] = a
	delete(s.gone, a.uid)
	s.mu.Unlock()
	s.wake()
}

func (s *agentServer) leave(a *agentConn, loggedOut bool) {
	s.mu.Lock()
	if s.agents[a.uid] == a {
		delete(s.agents, a.uid)
		if !loggedOut {
			s.gone[a.uid] = sinceBoot()
		}
	}
	s.mu.Unlock()
	s.wake()
}

func (s *agentServer) wake() {
	s.mu.Lock()
	wakers := slices.Collect(maps.Keys(s.wakers))
	s.mu.Unlock()
	for _, w := range wakers {
		(*w)()
	}
}

func (s *agentServer) watch(ctx context.Context, wake func()) {
	s.once.Do(s.start)
	s.mu.Lock()
	s.wakers[&wake] = true
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	delete(s.wakers, &wake)
	s.mu.Unlock()
}

// ask asks every agent and waits for all of them at most a deadline.
func (s *agentServer) ask(ctx context.Context, now time.Duration) []agentReport {
	s.once.Do(s.start)
	s.mu.Lock()
	agents := slices.Collect(maps.Values(s.agents))
	reports := make([]agentReport, 0, len(agents)+len(s.gone))
	for uid, since := range s.gone {
		if now-since > time.Minute {
			delete(s.gone, uid)
			continue
		}
		reports = append(reports, agentReport{uid: uid, why: "it was lost; it starts again with its session"})
	}
	s.mu.Unlock()
	until := time.Now().Add(s.deadline)
	for _, a := range agents {
		reports = append(reports, a.ask(ctx, now, until))
	}
	return reports
}

func (a *agentConn) ask(ctx context.Context, now time.Duration, until time.Time) agentReport {
	r := agentReport{uid: a.uid}
	_ = a.conn.SetWriteDeadline(until)
	if _, err := a.conn.Write([]byte("ask\n")); err != nil {
		r.why = "it does not take questions: " + err.Error()
		return r
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case m := <-a.in:
		r.fill(m, now)
	case <-timer.C:
		r.why = "it does not answer"
	case <-ctx.Done():
		r.why = "there was no time to ask"
	}
	return r
}

func (a *agentReport) fill(m AgentMessage, now time.Duration) {
	a.why = m.Error
	a.last = now - fromSeconds(m.IdleSeconds)
	a.busy = map[string]time.Duration{}
	for reason, age := range m.Busy {
		a.busy[reason] = fromSeconds(age)
	}
}

func fromSeconds(s float64) time.Duration { return time.Duration(min(s, 1e9) * float64(time.Second)) }

func peerUID(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, credErr); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

func (s *agentServer) close() {
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Lock()
	for _, a := range s.agents {
		a.conn.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
}
