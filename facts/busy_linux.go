package facts

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// disturbance is what is known about reasons not to disturb: by whom, and what
// would have to answer and does not. What agents of users say who are not at the
// machine is kept apart, as it counts for a limited time only.
type disturbance struct {
	seated, away         map[string]time.Duration // "reason by whom" to the age its source knows of, 0 when it knows none
	unheard, unheardAway string                   // why somebody who should tell does not, "" when all do
	origin               *origin
}

var (
	fromBusy     = &origin{"logind, sound, agents", good}
	fromNoScreen = &origin{"no session manager and no screen", assumed}
)

// collectBusy finds the reasons not to disturb.
func (p *presenceCollector) collectBusy(b *batch, l *logindState, err error, told []agentReport) {
	if !b.wantsAny(busyFacts...) {
		return
	}
	d := p.disturbance(b.now.boot, l, err, told)
	p.collectBusyHold(b, d)
	p.reasons = emptied(p.reasons)
	reasons := p.reasons
	maps.Copy(reasons, d.seated)
	maps.Copy(reasons, d.away)
	newest := p.busy.look(b.now.boot, reasons)
	unheard := cmp.Or(d.unheard, d.unheardAway)
	if len(reasons) == 0 {
		if unheard != "" {
			b.unknownAll(unheard, busy, busySeconds)
			return
		}
		b.list(busy, nil, d.origin)
		b.notApplicable(busySeconds, "nothing is busy")
		return
	}
	b.list(busy, reasonNames(reasons), d.origin)
	b.remark(busy, p.busy.describe(b.now.boot))
	if unheard != "" { // there may be a newer reason
		b.unknown(busySeconds, unheard)
		return
	}
	b.seconds(busySeconds, newest, d.origin)
}

// collectBusyHold tells for how long agents of users who are elsewhere have
// alone kept the machine from counting as not busy.
func (p *presenceCollector) collectBusyHold(b *batch, d disturbance) {
	held := p.busyHeld.look(b.now.boot, len(d.away) > 0 || d.unheardAway != "", d.unheardAway != "")
	switch {
	case d.unheard != "":
		b.unknown(agentBusySeconds, d.unheard)
	case len(d.seated) > 0:
		b.seconds(agentBusySeconds, 0, d.origin)
	default:
		b.seconds(agentBusySeconds, held, d.origin)
	}
}

// disturbance asks everybody. Who has to be asked is decided by what there is:
// a person's graphical session has an agent, as only it sees full screens,
// games and films; a machine with a screen or seats has a session manager.
// Without session manager, seats, screen and display server nothing can be shown
// to anybody, and only a microphone in use is a reason.
func (p *presenceCollector) disturbance(now time.Duration, l *logindState, err error, told []agentReport) disturbance {
	p.seated, p.away = emptied(p.seated), emptied(p.away)
	d := disturbance{seated: p.seated, away: p.away, origin: fromBusy}
	if err != nil {
		d.origin = fromNoScreen
		if !absent(err) || p.expectsSessions(now) {
			d.unheard, d.origin = err.Error(), fromBusy
		}
	}
	if l != nil {
		for i := range l.Inhibitors {
			if h := &l.Inhibitors[i]; h.foreign() && h.blocks("idle") {
				d.seated[busyDisplay+" by "+h.Who] = 0
			}
		}
	}
	switch recording, err := p.recording(now); {
	case err != nil:
		d.unheard = cmp.Or(d.unheard, err.Error())
	case recording:
		d.seated[busyCall+" by a sound capture"] = 0
	}
	for _, t := range told {
		d.add(t, t.name != "" || t.seated(l))
	}
	for _, t := range p.unwatched(l, told) {
		d.add(t, t.seated(l))
	}
	return d
}

func (d *disturbance) add(t agentReport, seated bool) {
	reasons, unheard := d.away, &d.unheardAway
	if seated {
		reasons, unheard = d.seated, &d.unheard
	}
	switch {
	case t.name != "":
		*unheard = cmp.Or(*unheard, t.name+": "+t.why)
	case t.why != "":
		*unheard = cmp.Or(*unheard, "the agent of user "+t.user()+" does not answer: "+t.why)
	}
	for reason, age := range t.busy {
		reasons[reason+" by the agent of user "+t.user()] = age
	}
}

// unwatched reports for people's graphical sessions that no agent speaks for.
// Of a captured machine's agents only the reasons are on record.
func (p *presenceCollector) unwatched(l *logindState, told []agentReport) (none []agentReport) {
	if l == nil {
		return nil
	}
	for _, s := range l.Sessions {
		key := agentKey{s.UID, s.ID}
		if !s.person() || !s.graphical() && s.hidden == "" || slices.ContainsFunc(told, func(t agentReport) bool { return t.agentKey == key }) {
			continue
		}
		if c := p.root.captured; c != nil && c.Agents[s.ID] != nil {
			r := agentReport{agentKey: key, busy: map[string]time.Duration{}}
			for _, reason := range c.Agents[s.ID] {
				r.busy[reason] = 0
			}
			none = append(none, r)
			continue
		}
		r := agentReport{agentKey: key, why: "session " + s.ID + " has none; start it there: systemctl --user start lull-agent"}
		switch {
		case s.hidden != "":
			r.why = "session " + s.ID + " has none, and " + s.hidden
		case s.Graphics: // which the user's service manager need not know of
			r.why = "session " + s.ID + " of a terminal shows graphics and has none; start it there: lull agent"
		}
		none = append(none, r)
	}
	return none
}

// recording reports whether a microphone is in use (ALSA's procfs). The status
// files of what can record stay open.
func (p *presenceCollector) recording(now time.Duration) (bool, error) {
	if p.sound.due(now, p.soundCards().since(now)) {
		p.findMicrophones()
	}
	why := p.soundErr
	for _, m := range p.microphones {
		status, err := m.read()
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
			continue // unplugged
		}
		running, ok := capturing(status)
		switch {
		case running:
			return true, nil
		case err != nil || !ok:
			why = cmp.Or(why, error(errMicrophone))
		}
	}
	return false, why
}

var errMicrophone = errors.New("whether a microphone is in use cannot be read in /proc/asound")

// capturing reads the status file of what can record (sound/core/pcm.c): "closed",
// or "state: " and a word.
func capturing(status []byte) (running, ok bool) {
	state, open := bytes.CutPrefix(status, []byte("state: "))
	if !open {
		return false, bytes.Equal(bytes.TrimSpace(status), []byte("closed"))
	}
	state, _ = line(state)
	for i, known := range []string{"RUNNING", "OPEN", "SETUP", "PREPARED", "XRUN", "DRAINING", "PAUSED", "SUSPENDED", "DISCONNECTED"} {
		if string(state) == known {
			return i == 0, true
		}
	}
	return false, false
}

func (p *presenceCollector) soundCards() *subsystem {
	if p.cards == nil {
		p.cards = p.devices.subsystem("sound")
	}
	return p.cards
}

func (p *presenceCollector) findMicrophones() {
	p.forgetMicrophones()
	cards, err := p.root.entries("/proc/asound")
	p.soundErr = err
	for _, card := range cards {
		if !strings.HasPrefix(card, "card") || card == "cards" {
			continue
		}
		for _, pcm := range p.root.list("/proc/asound/" + card) {
			if !strings.HasPrefix(pcm, "pcm") || !strings.HasSuffix(pcm, "c") {
				continue
			}
			for _, sub := range p.root.list("/proc/asound/" + card + "/" + pcm) {
				if strings.HasPrefix(sub, "sub") {
					p.microphones = append(p.microphones, p.root.keep("/proc/asound/"+card+"/"+pcm+"/"+sub+"/status", 256))
				}
			}
		}
	}
}

func (p *presenceCollector) forgetMicrophones() {
	for _, m := range p.microphones {
		m.close()
	}
	p.microphones = p.microphones[:0]
}

// expectsSessions reports whether there should be a session manager: there are
// seats, a screen or a display server. Display servers tell nobody when they
// start, so that without a session manager one is looked for each time.
func (p *presenceCollector) expectsSessions(now time.Duration) bool {
	if p.screens.due(now, p.devices.subsystem("drm").since(now)) {
		p.screen = p.hasDisplay()
	}
	return p.hasSeats(now) || p.screen || p.hasDisplayServer()
}

// hasDisplay reports whether a screen is connected.
func (p *presenceCollector) hasDisplay() bool {
	for _, name := range p.root.list("/sys/class/drm") {
		file := "/sys/class/drm/" + name + "/status"
		switch p.root.slurp(file) {
		case "disconnected", "unknown": // a socket that cannot tell is no reason to expect a screen
		case "":
			if p.root.exists(file) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// hasDisplayServer reports whether an X server or a Wayland compositor runs.
func (p *presenceCollector) hasDisplayServer() bool {
	if c := p.root.captured; c != nil {
		return c.DisplayServer
	}
	return len(p.root.glob("/tmp/.X11-unix/X*")) > 0 || len(p.root.glob("/run/user/*/wayland-*")) > 0 ||
		strings.Contains(readAll(p.root, "/proc/net/unix"), "@/tmp/.X11-unix/X")
}
