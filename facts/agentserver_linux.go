package facts

import (
	"bufio"
	"context"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// agentServer takes the reports of per-user agents on a unix socket. Who
// speaks is told by the kernel, never by the agent. An agent that was there and
// is gone makes presence unknown until it is back or its session has ended.
type agentServer struct {
	path     string
	deadline time.Duration
	log      *slog.Logger
	now      func() time.Duration // since boot
	done     sync.WaitGroup
	news     *atomic.Uint64 // counts agents that come and go; under the lock, so that who sees it sees them, too

	mu       sync.Mutex
	listener *net.UnixListener
	tried    time.Duration // boot time of the last attempt to listen
	why      string        // why it does not listen
	closed   bool
	agents   map[agentKey]*agentConn
	gone     map[agentKey]bool // agents that were lost; true when their session was there once
	open     map[uint32]int    // connections by user
	wakers   map[*func()]bool
}

// agentLimit is how many connections one user may hold.
const agentLimit = 8

func newAgentServer(o *Options, news *atomic.Uint64) *agentServer {
	return &agentServer{news: news, path: o.AgentSocket, deadline: o.Deadline, log: o.Logger, now: sinceBoot, agents: map[agentKey]*agentConn{},
		gone: map[agentKey]bool{}, open: map[uint32]int{}, wakers: map[*func()]bool{}}
}

// start listens unless it does; after a failure, at most once a second it
// tries again. It returns why it does not listen. Without a path there are no
// agents.
func (s *agentServer) start() (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == "" || s.listener != nil || s.closed {
		return ""
	}
	if now := sinceBoot(); s.tried == 0 || now-s.tried > time.Second {
		s.tried = now
		l, err := listenForAgents(s.path)
		if err == nil {
			s.listener, s.why = l, ""
			s.done.Go(func() { s.accept(l) })
		} else if why := "agents cannot reach lull: " + err.Error(); why != s.why {
			s.why = why
			s.log.Error("agents cannot report", "error", err)
		}
	}
	return s.why
}

func listenForAgents(path string) (*net.UnixListener, error) {
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path) // left by a former run
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil { // anybody may report, about nobody but himself
		l.Close()
		return nil, err
	}
	return l, nil
}

func (s *agentServer) accept(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		s.done.Go(func() { s.serve(conn) })
	}
}

// serve reads one agent's lines until it ends.
func (s *agentServer) serve(conn *net.UnixConn) {
	defer conn.Close()
	peer, err := peerOf(conn)
	if err != nil || !s.admit(peer.Uid) {
		return
	}
	defer s.dismiss(peer.Uid)
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 4096), 4096)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if !lines.Scan() {
		return
	}
	hello, err := parseAgentMessage(lines.Bytes())
	if err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	a := &agentConn{conn: conn, in: make(chan AgentMessage, 1), key: keyOf(peer, hello)}
	s.join(a)
	s.leave(a, s.read(a, lines))
}

// unaskedLines is how many lines an agent may say unasked before it is heard once
// a second only, so that none can keep lull busy. An honest one says one a second.
const unaskedLines = 8

// read takes an agent's lines and reports whether it took its leave.
func (s *agentServer) read(a *agentConn, lines *bufio.Scanner) (loggedOut bool) {
	credit, at := unaskedLines, sinceBoot()
	for lines.Scan() {
		m, err := parseAgentMessage(lines.Bytes())
		if err != nil {
			return false
		}
		ok, news := a.answered(m)
		switch {
		case m.LoggedOut:
			return true
		case news:
			s.wake()
		case ok:
		default:
			if m.Returned {
				s.wake()
			}
			passed := int((sinceBoot() - at) / time.Second)
			credit, at = min(unaskedLines, credit+passed)-1, at+time.Duration(passed)*time.Second
			if credit <= 0 {
				time.Sleep(time.Second)
			}
		}
	}
	return false
}

func (s *agentServer) admit(uid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.open[uid] >= agentLimit {
		return false
	}
	s.open[uid]++
	return true
}

func (s *agentServer) dismiss(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[uid]--; s.open[uid] == 0 {
		delete(s.open, uid)
	}
}

func (s *agentServer) join(a *agentConn) {
	s.mu.Lock()
	if old := s.agents[a.key]; old != nil {
		old.conn.Close()
	}
	if s.closed {
		a.conn.Close()
	}
	s.agents[a.key] = a
	delete(s.gone, a.key)
	s.news.Add(1)
	s.mu.Unlock()
	s.wake()
}

func (s *agentServer) leave(a *agentConn, loggedOut bool) {
	s.mu.Lock()
	if s.agents[a.key] == a {
		delete(s.agents, a.key)
		if !loggedOut {
			s.mourn(a)
		}
	}
	s.news.Add(1)
	s.mu.Unlock()
	s.wake()
}

// mourn remembers a lost agent. Names that a user makes up take no more room
// than his connections could.
func (s *agentServer) mourn(a *agentConn) {
	of := 0
	for k := range s.gone {
		of += int(one(k.uid == a.key.uid))
	}
	if of >= agentLimit {
		s.gone[agentKey{uid: a.key.uid}] = false
		return
	}
	s.gone[a.key] = a.seen
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
	s.start()
	s.mu.Lock()
	s.wakers[&wake] = true
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	delete(s.wakers, &wake)
	s.mu.Unlock()
}

// ask asks every agent and waits for all of them at most a deadline. l, nil
// when logind does not answer, tells whose session has ended.
func (s *agentServer) ask(ctx context.Context, l *logindState) []agentReport {
	var reports []agentReport
	if why := s.start(); why != "" {
		reports = append(reports, agentReport{name: "agents", why: why})
	}
	s.mu.Lock()
	if len(s.agents) == 0 && len(s.gone) == 0 {
		s.mu.Unlock()
		return reports
	}
	agents := slices.Collect(maps.Values(s.agents))
	placed := make([]agentKey, len(agents))
	for i, a := range agents {
		placed[i] = a.place(l)
	}
	s.forget(placed, l)
	for key := range s.gone {
		reports = append(reports, agentReport{agentKey: key, why: "it was lost while its session goes on; start it again: systemctl --user start lull-agent"})
	}
	s.mu.Unlock()
	until := time.Now().Add(s.deadline)
	for _, a := range agents {
		a.question(until)
	}
	for i, a := range agents {
		r := a.await(ctx, until, s.now)
		r.agentKey = placed[i]
		reports = append(reports, r)
	}
	return reports
}

// forget drops lost agents whose session has ended or has an agent again.
func (s *agentServer) forget(placed []agentKey, l *logindState) {
	if len(s.gone) == 0 {
		return
	}
	gone := map[agentKey]bool{}
	for key, seen := range s.gone {
		if !seen {
			key = key.resolve(l)
		}
		if !slices.Contains(placed, key) && !key.ended(l) {
			gone[key] = seen || key.in(l)
		}
	}
	s.gone = gone
}

func (s *agentServer) close() {
	s.mu.Lock()
	s.closed = true
	if s.listener != nil {
		s.listener.Close()
	}
	for _, a := range s.agents {
		a.conn.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
}
