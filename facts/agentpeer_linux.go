package facts

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// agentKey tells agents apart: whose each is and which session it watches. A
// user with two sessions needs two agents.
type agentKey struct {
	uid     uint32
	session string // logind's name of it; "" where nobody knows
}

// agentReport is what one agent says.
type agentReport struct {
	agentKey
	name string                   // when it is not about one agent
	last time.Duration            // boot time of its user's last input
	busy map[string]time.Duration // reasons and their ages
	why  string                   // why it does not answer
}

var fromAgent = &origin{"agents", good}

func (a agentReport) user() string { return strconv.Itoa(int(a.uid)) }

func (a agentReport) report(now time.Duration) report {
	switch {
	case a.name != "":
		return report{source: a.name, answer: silent, why: a.why}
	case a.why != "":
		return report{source: "agent of user " + a.user(), answer: silent, why: a.why, agent: true}
	}
	return report{source: "agent of user " + a.user(), answer: answered, idle: now - a.last, proof: true, agent: true}
}

// watches reports whether the agent answers for session x.
func (a agentReport) watches(x session) bool {
	return a.why == "" && a.uid == x.UID && a.session == x.ID
}

// in reports whether k names a session of its user that logind knows.
func (k agentKey) in(l *logindState) bool {
	return l != nil && slices.ContainsFunc(l.Sessions, func(x session) bool { return x.UID == k.uid && x.person() && x.ID == k.session })
}

// resolve finds the session of an agent that never named one that exists, as
// under systemd's user manager: its user's only graphical one. With two, it
// stands for neither.
func (k agentKey) resolve(l *logindState) agentKey {
	if l == nil || k.in(l) {
		return k
	}
	var graphical []string
	for _, x := range l.Sessions {
		if x.UID == k.uid && x.person() && x.graphical() {
			graphical = append(graphical, x.ID)
		}
	}
	if len(graphical) == 1 {
		return agentKey{k.uid, graphical[0]}
	}
	return agentKey{uid: k.uid}
}

// ended reports whether logind knows that the session of a lost agent is over,
// or, when it is not known which one, all graphical ones of its user.
func (k agentKey) ended(l *logindState) bool {
	if l == nil || k.in(l) {
		return false
	}
	return k.session != "" || !slices.ContainsFunc(l.Sessions, func(x session) bool { return x.UID == k.uid && x.person() && x.graphical() })
}

// agentConn is one agent's connection.
type agentConn struct {
	conn *net.UnixConn
	key  agentKey
	seen bool // its session was there once; guarded by the server's lock
	in   chan AgentMessage

	mu     sync.Mutex
	number uint64 // of the last question
	heard  uint64 // of the last answer
	failed error  // why the last question could not be put
	late   bool   // it has not answered in time, so its next answer is news
}

// question puts the next question.
func (a *agentConn) question(until time.Time) {
	a.mu.Lock()
	a.number++
	n := a.number
	select {
	case <-a.in: // an answer that came too late
	default:
	}
	a.mu.Unlock()
	_ = a.conn.SetWriteDeadline(until)
	_, a.failed = a.conn.Write([]byte("ask " + strconv.FormatUint(n, 10) + "\n"))
}

// answered takes an answer to a question, the first one only. One that came too
// late describes a time that is past, and is dropped; that it came is news.
func (a *agentConn) answered(m AgentMessage) (ok, news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.Answers <= a.heard || m.Answers > a.number {
		return false, false
	}
	if a.heard = m.Answers; a.heard == a.number {
		a.in <- m // its place is free: question made sure
	}
	news, a.late = a.late, false
	return true, news
}

func (a *agentConn) missed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.late = a.heard < a.number
}

// place tells which session the agent stands for: the one it named, once that
// one has been there, even when it has ended since.
func (a *agentConn) place(l *logindState) agentKey {
	if a.seen = a.seen || a.key.in(l); a.seen {
		return a.key
	}
	return a.key.resolve(l)
}

// await waits for the answer.
func (a *agentConn) await(ctx context.Context, until time.Time, now func() time.Duration) agentReport {
	var r agentReport
	if a.failed != nil {
		r.why = "it does not take questions: " + a.failed.Error()
		return r
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case m := <-a.in:
		r.fill(m, now())
	case <-timer.C:
		a.missed()
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

// peerOf asks the kernel who opened a connection (SO_PEERCRED).
func peerOf(conn *net.UnixConn) (*unix.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return cred, errors.Join(err, credErr)
}

// keyOf tells which session an agent watches: the one whose control group its
// process is in, else the one it names. A name counts only among the sessions
// of its own user, see resolve.
func keyOf(peer *unix.Ucred, hello AgentMessage) agentKey {
	cgroup, _ := os.ReadFile("/proc/" + strconv.Itoa(int(peer.Pid)) + "/cgroup")
	if id := sessionOfCgroup(string(cgroup)); id != "" {
		return agentKey{peer.Uid, id}
	}
	return agentKey{peer.Uid, hello.Session}
}

// sessionOfCgroup finds logind's "session-ID.scope" in /proc/PID/cgroup.
func sessionOfCgroup(cgroup string) string {
	for part := range strings.FieldsFuncSeq(cgroup, func(r rune) bool { return r == '/' || r == '\n' }) {
		if id, ok := strings.CutPrefix(part, "session-"); ok {
			if id, ok := strings.CutSuffix(id, ".scope"); ok {
				return id
			}
		}
	}
	return ""
}
