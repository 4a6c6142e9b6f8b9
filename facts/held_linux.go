package facts

import (
	"slices"
	"time"
)

// holdWatch times for how long agents of users who are elsewhere have kept the
// machine in use, or busy, without a break. A person who uses it takes breaks; an
// agent that was never told to stop, or will not, does not. That others use the
// machine meanwhile is no break.
type holdWatch struct {
	holding bool
	silent  bool
	since   time.Duration // boot time from which on they held it
	looked  time.Duration
}

// heldBreak is how long an absence ends a hold. It is the longest that the
// default policies wait for.
const heldBreak = 30 * time.Minute

// look takes in whether agents hold the machine now, and whether they do so by
// not answering, and returns for how long they have. Between two looks that are
// too far apart the user may have taken a break, so the hold begins anew; an
// agent that answers again is looked at when it joins.
func (h *holdWatch) look(now time.Duration, holding, silent bool) time.Duration {
	if !h.holding || !h.silent && now-h.looked > heldBreak {
		h.since = now
	}
	h.holding, h.silent, h.looked = holding, silent, now
	if !holding {
		return 0
	}
	return now - h.since
}

// heldByAgents reports whether agents of users who are not at the machine keep
// it in use, and whether they do so by not answering.
func heldByAgents(reports []report) (holding, mute bool) {
	for _, r := range reports {
		mute = mute || r.agent && r.answer == silent
		holding = holding || r.agent && (r.answer == silent || r.answer == answered && r.idle < heldBreak)
	}
	return holding, mute
}

// seated reports whether the agent's user is the one at the machine: has the
// active session of a seat. Without logind everybody may be.
func (a agentReport) seated(l *logindState) bool {
	return l == nil || slices.ContainsFunc(l.Sessions, func(x session) bool {
		return x.UID == a.uid && x.person() && x.State == "active" && !x.Remote && x.Seat != ""
	})
}

// keepLooking has whoever watches look again before the looks at a hold are too
// far apart, and while there is a reason not to disturb: agents tell of a user
// who comes, not of one who goes, and nobody tells when a call or a film ends.
func (p *presenceCollector) keepLooking() {
	if p.held.holding || p.busyHeld.holding {
		p.holds.arm(heldBreak / 2)
	}
	if len(p.busy.since) > 0 {
		p.reasonsEnd.arm(busyAgain)
	}
}

// busyAgain is how often reasons not to disturb are looked at again.
const busyAgain = 30 * time.Second
