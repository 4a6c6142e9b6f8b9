package facts

import (
	"slices"
	"time"
)

// sessionWatch follows logind's sessions. A session's idle hint says when its
// desktop declared it idle, not when the last input was, and many desktops
// never set it; so only its change back to "not idle" is used, as one input.
type sessionWatch struct {
	idle  map[string]bool
	spare map[string]bool // the one before, to be filled next
	last  time.Duration
	lost  bool // logind did not answer the last time
	seen  *logindState
}

func (s *sessionWatch) look(now time.Duration, l *logindState) {
	if l == s.seen && !s.lost {
		return // it has said nothing since
	}
	s.seen = l
	if s.lost {
		s.last = now // what happened meanwhile nobody tells
	}
	s.lost = false
	idle := emptied(s.spare)
	for _, x := range l.Sessions {
		old, known := s.idle[x.ID]
		switch {
		case !x.person():
		case known && old && !x.Idle, !known && s.idle != nil:
			s.last = now // its user came back, or logged in
		case !known:
			s.last = max(s.last, x.began) // before the first look
		}
		idle[x.ID] = x.Idle
	}
	s.idle, s.spare = idle, s.idle
}

// returned notes that a session's idle hint was taken back at the given time;
// a signal tells of it even when it was set again before the next look.
func (s *sessionWatch) returned(at time.Duration) { s.last = max(s.last, at) }

// sessionReport is what logind adds: that there is nobody logged in, or that
// somebody is where no other source looks.
func (p *presenceCollector) sessionReport(now time.Duration, l *logindState, err error, told []agentReport) report {
	r := report{source: "logind"}
	p.sessions.lost = p.sessions.lost || err != nil && p.sessions.idle != nil
	switch {
	case err != nil && (!absent(err) || p.hasSeats(now)):
		r.answer, r.why = silent, err.Error()
		return r
	case err != nil:
		return r
	}
	p.sessions.look(now, l)
	p.sessions.returned(p.bus.hintTakenBack())
	for _, s := range l.Sessions {
		if s.person() && s.graphical() && (s.Remote || s.Seat == "") && !hasAgent(told, s) {
			r.answer, r.why = silent, "session "+s.ID+" is a remote desktop, which only its user's agent can watch; start lull agent there"
			return r
		}
	}
	idle := now
	switch {
	case p.root.captured != nil: // its boot, not that of the machine that looks at it
		idle = p.bootReport(instant{boot: now}).idle
	case p.sessions.last > 0:
		idle = now - p.sessions.last
	}
	return report{source: "logind", answer: answered, idle: idle, proof: true}
}

// hasSeats reports whether logind is to be expected.
func (p *presenceCollector) hasSeats(now time.Duration) bool {
	if p.seating.due(now, 0) {
		p.seats = p.root.exists("/run/systemd/seats")
	}
	return p.seats
}

// covered reports whether every local graphical session has an agent of its
// own, so that input devices need not be read.
func (s *sessionWatch) covered(l *logindState, told []agentReport) bool {
	if l == nil {
		return false
	}
	local := 0
	for _, x := range l.Sessions {
		if x.person() && (x.graphical() || x.hidden != "") && !x.Remote {
			local++
			if !hasAgent(told, x) {
				return false
			}
		}
	}
	return local > 0
}

func hasAgent(told []agentReport, x session) bool {
	return slices.ContainsFunc(told, func(a agentReport) bool { return a.watches(x) })
}

func (p *presenceCollector) collectSessions(b *batch, l *logindState, err error) {
	if err != nil {
		b.unknownAll(err.Error(), locked, sessions, remoteSessions, graphicalSessions)
		return
	}
	var people, remote, graphical, lockable, lockedNow int64
	for _, s := range l.Sessions {
		if !s.person() {
			continue
		}
		people++
		remote += one(s.Remote)
		graphical += one(s.graphical())
		lockable += one(s.graphical() && !s.Remote)
		lockedNow += one(s.graphical() && !s.Remote && s.Locked)
	}
	b.int(sessions, people, fromLogind)
	b.int(remoteSessions, remote, fromLogind)
	b.int(graphicalSessions, graphical, fromLogind)
	if lockable == 0 {
		b.notApplicable(locked, "there is no local graphical session")
		return
	}
	b.bool(locked, lockedNow == lockable, fromLogind)
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
