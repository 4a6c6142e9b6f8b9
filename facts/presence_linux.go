package facts

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// presenceCollector combines every source that may see a person.
type presenceCollector struct {
	root     *root
	bus      sessionManager
	resume   *resumeWatch
	input    *inputWatch
	agents   *agentServer
	changes  *changes
	devices  *uevents
	sources  []presenceSource
	troubles troubles // watches of input that do not work while somebody waits

	holds, reasonsEnd reminder

	mu        sync.Mutex // guards what follows
	terminals terminalWatch
	sessions  sessionWatch
	busy      busyWatch
	held      holdWatch // of the idle time
	busyHeld  holdWatch // of the reasons not to disturb
	said      uint64    // version of what follows
	logind    *logindState
	logindErr error
	previous  time.Duration // boot time of the last use at the last look
	wakers    map[*func(...fact)]bool

	plugs       *changeSource // of input devices
	nodes       terminalNodes
	all, system []report                 // of the last look, to be filled anew
	settled     *origin                  // of the idle time, where all that may change it without an event has a last; else nil
	used        time.Duration            // boot time of the last use that is known then
	reasons     map[string]time.Duration // busy ones of the last look, and of whom, to be filled anew
	seated      map[string]time.Duration
	away        map[string]time.Duration
	sound       lookup
	cards       *subsystem
	microphones []*kept
	soundErr    error // why they are not known
	screens     lookup
	screen      bool // one is connected
	seating     lookup
	seats       bool // logind is to be expected
}

// sessionManager is what presence needs of the bus.
type sessionManager interface {
	logind(ctx context.Context) (*logindState, error)
	version(now time.Time) uint64 // 0: ask; the same as before: it would say the same
	hintTakenBack() time.Duration
	watch(ctx context.Context, name string, wake func())
}

// presenceSource is one kind of source of the idle time. Its report adds what it
// says to all.
type presenceSource struct {
	name   string
	report func(p *presenceCollector, k look, all []report) []report
	last   func(p *presenceCollector, now instant) (used time.Duration, ok bool) // see again; nil: it tells of all that happens
}

// look is what one look at presence has to go on.
type look struct {
	now  instant
	l    *logindState // nil: why not is in err
	err  error
	told []agentReport
}

var presenceSources = []presenceSource{
	{"terminals", func(p *presenceCollector, k look, all []report) []report { return append(all, p.terminalReport(k.now)) }, (*presenceCollector).terminalsAgain},
	{"boot", func(p *presenceCollector, k look, all []report) []report { return append(all, p.bootReport(k.now)) }, (*presenceCollector).bootAgain},
	{"logind", func(p *presenceCollector, k look, all []report) []report {
		return append(all, p.sessionReport(k.now.boot, k.l, k.err, k.told))
	}, nil},
	{"agents", (*presenceCollector).agentReports, nil}, // where there are any, they are asked each time
	{"watch", (*presenceCollector).watchReport, nil},
	{"input", (*presenceCollector).inputReport, func(p *presenceCollector, now instant) (time.Duration, bool) { return p.input.lookAgain(now.boot) }},
}

func newPresence(r *root, b *bus, resume *resumeWatch, c *changes, devices *uevents, o *Options) *presenceCollector {
	p := &presenceCollector{root: r, bus: b, resume: resume, input: newInputWatch(r), agents: newAgentServer(o, &c.news),
		changes: c, devices: devices, sources: presenceSources, wakers: map[*func(...fact)]bool{}, nodes: terminalNodes{names: dirSource(r.at("/dev/pts"))}}
	p.troubles.news = &c.news
	p.nodes.switches, p.plugs = p.nodes.switchSource(r), dirSource(r.at(inputDir))
	return p
}

func (*presenceCollector) facts() []fact { return presenceFacts }

var (
	presenceFacts = []fact{idleSeconds, systemIdleSeconds, agentHeldSeconds, locked, busy, busySeconds, agentBusySeconds, sessions, remoteSessions, graphicalSessions, terminals}
	idleFacts     = []fact{idleSeconds, systemIdleSeconds, agentHeldSeconds}
	sessionFacts  = []fact{locked, busy, busySeconds, agentBusySeconds, sessions, remoteSessions, graphicalSessions}
	busyFacts     = []fact{busy, busySeconds, agentBusySeconds}
	fromPTS       = &origin{"/dev/pts", good}
)

func (p *presenceCollector) collect(ctx context.Context, b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.calm && b.asked.kept != nil && p.settled != nil && !b.wants(terminals) && p.again(b) {
		return
	}
	if p.root.container() {
		b.unknownAll("lull runs in a container; who uses the machine is seen from its host only", presenceFacts...)
		return
	}
	if b.wants(terminals) {
		p.collectTerminals(b)
	}
	if !b.wantsAny(idleFacts...) && !b.wantsAny(sessionFacts...) {
		return
	}
	version := p.bus.version(b.now.awake)
	if version == 0 || version != p.said {
		p.logind, p.logindErr = p.bus.logind(ctx)
		p.said = version
	}
	l, err := p.withGraphics(p.logind), p.logindErr
	told := p.agents.ask(ctx, l)
	quiet, until := p.quiet(b, told)
	if !b.same(quiet, until, sessionFacts) {
		p.collectSessions(b, l, err)
		p.collectBusy(b, l, err, told)
	} else if !b.wantsAny(idleFacts...) && !b.wants(terminals) {
		b.asked.steady = true
	}
	if b.wantsAny(idleFacts...) {
		from := p.collectIdle(b, p.reports(look{b.now, l, err, told}))
		if p.settled = nil; quiet != 0 {
			p.settled, b.until = from, min(b.until, p.nodes.until())
		}
	}
	p.keepLooking()
}

// quiet is the version of what sessions and reasons not to disturb depend on where
// the session manager alone tells of them, until the given boot time; else it is 0.
func (p *presenceCollector) quiet(b *batch, told []agentReport) (version uint64, until time.Duration) {
	if p.said == 0 || p.logindErr != nil || slices.ContainsFunc(p.logind.Sessions, session.onTerminal) || len(told) > 0 || p.held.holding {
		return 0, 0
	}
	if !b.wantsAny(busyFacts...) {
		return p.said, math.MaxInt64
	}
	if len(p.microphones) > 0 || p.busyHeld.holding || len(p.busy.since) > 0 || !p.sound.holds(b.now.boot, p.soundCards().since(b.now.boot)) {
		return 0, 0
	}
	return p.said + p.sound.times, p.sound.until()
}

// reports asks every source.
func (p *presenceCollector) reports(k look) []report {
	all := p.all[:0]
	for _, s := range p.sources {
		all = s.report(p, k, all)
	}
	p.all = all
	return all
}

func (p *presenceCollector) agentReports(k look, all []report) []report {
	for _, t := range k.told {
		r := t.report(k.now.boot)
		r.agent = r.agent && !t.seated(k.l)
		all = append(all, r)
	}
	return all
}

// watchReport tells of a watch that somebody waits for and that does not work: a
// use would be told of too late.
func (p *presenceCollector) watchReport(_ look, all []report) []report {
	if why := p.troubles.any(); why != "" {
		all = append(all, report{source: "watch", answer: silent, why: why})
	}
	return all
}

func (p *presenceCollector) inputReport(k look, all []report) []report {
	r := p.input.report(k.now.boot, p.changes.since(p.plugs, k.now.boot))
	if r.answer == silent && p.sessions.covered(k.l, k.told) {
		// Every local session has an agent that sees its devices, and what was
		// seen of them here still happened.
		r = report{source: "input"}
		if last := p.input.lastUse(); last > 0 {
			r.answer, r.idle = answered, k.now.boot-last
		}
	}
	return append(all, r)
}

// collectIdle returns who vouches for the idle time, nil when it is unknown.
func (p *presenceCollector) collectIdle(b *batch, reports []report) *origin {
	idle, from, why := leastIdle(reports)
	system, systemFrom, systemWhy := idle, from, why
	var holding, mute bool
	if anyOfAgents(reports) {
		p.system = withoutAgents(p.system[:0], reports)
		system, systemFrom, systemWhy = leastIdle(p.system)
		holding, mute = heldByAgents(reports)
	}
	held := p.held.look(b.now.boot, holding, mute)
	storeIdle(b, idleSeconds, idle, from, why)
	storeIdle(b, systemIdleSeconds, system, systemFrom, systemWhy)
	if systemWhy != "" {
		b.unknown(agentHeldSeconds, systemWhy)
	} else {
		b.seconds(agentHeldSeconds, held, fromAgent)
	}
	if why == "" {
		p.used = b.now.boot - idle
		p.noticeReturn(p.used)
	}
	return from
}

// again is collect where nothing has happened since the last look: only what does
// not tell of a use is asked for its last one. It reports whether all could say.
func (p *presenceCollector) again(b *batch) bool {
	for i := range p.sources {
		if last := p.sources[i].last; last != nil {
			used, ok := last(p, b.now)
			if !ok {
				return false
			}
			p.used = max(p.used, used)
		}
	}
	idle := max(0, b.now.boot-p.used)
	b.seconds(idleSeconds, idle, p.settled)
	b.seconds(systemIdleSeconds, idle, p.settled)
	b.seconds(agentHeldSeconds, 0, fromAgent)
	p.noticeReturn(p.used)
	return true
}

func storeIdle(b *batch, f fact, idle time.Duration, from *origin, why string) {
	if why != "" {
		b.unknown(f, why)
		return
	}
	b.seconds(f, idle, from)
}

// noticeReturn wakes watchers when a look found a use that no event told of.
func (p *presenceCollector) noticeReturn(used time.Duration) {
	returned := p.previous > 0 && used-p.previous > 5*time.Second
	p.previous = max(p.previous, used)
	if !returned {
		return
	}
	for wake := range p.wakers {
		(*wake)(idleFacts...)
	}
}

const ptsDir = "/dev/pts"

// terminalNodes are the terminals whose access times are looked at. They are
// kept open by path only, which is no use of them, and found anew when one
// comes or goes.
type terminalNodes struct {
	names  *changeSource
	looked lookup
	all    []terminalNode
	atimes []access // of the same
	used   []int    // those that somebody may be using
	pts    int      // so many of them are pseudo terminals
	err    error    // why those are not known

	switches *changeSource // of the virtual terminal in front
	front    string        // its path
	behind   lookup        // at all, those behind it too
}

// terminalNode is one terminal. What is typed goes to the virtual terminal in
// front, so that those behind it are looked at when another has come to the
// front, and once in lookAgain.
type terminalNode struct {
	path string
	fd   int
}

// switchSource changes when another virtual terminal comes to the front
// (Documentation/ABI/testing/sysfs-tty: tty0/active supports poll).
func (n *terminalNodes) switchSource(r *root) *changeSource {
	return &changeSource{events: unix.EPOLLPRI, state: true,
		open: func() (int, error) { return r.open("/sys/class/tty/tty0/active", unix.O_RDONLY) },
		heard: func(name []byte) error {
			n.front = "/dev/" + string(bytes.TrimSpace(name))
			return nil
		}}
}

func (n *terminalNodes) close() {
	for _, t := range n.all {
		unix.Close(t.fd)
	}
	n.all, n.atimes = n.all[:0], n.atimes[:0]
}

func (p *presenceCollector) collectTerminals(b *batch) {
	n, err := p.openTerminals(b.now.boot)
	if err != nil {
		b.unknown(terminals, err.Error())
		return
	}
	b.int(terminals, n, fromPTS)
}

// openTerminals counts the pseudo terminals.
func (p *presenceCollector) openTerminals(now time.Duration) (int64, error) {
	if c := p.root.captured; c != nil {
		if c.silent(ptsDir) {
			return 0, errors.New("the terminals could not be listed when the machine was captured")
		}
		return int64(len(c.TerminalIdle)) - c.consoles(), nil
	}
	p.findTerminals(now)
	return int64(p.nodes.pts), p.nodes.err
}

func (p *presenceCollector) findTerminals(now time.Duration) {
	n := &p.nodes
	if !n.looked.due(now, p.changes.since(n.names, now)) {
		return
	}
	n.close()
	pts, err := p.ptsNames()
	n.pts, n.err = len(pts), err
	for _, path := range append(pts, p.consoles()...) {
		if fd, err := p.root.open(path, unix.O_PATH); err == nil {
			n.all, n.atimes = append(n.all, terminalNode{path, fd}), append(n.atimes, access{name: path})
		}
	}
	n.behind = lookup{}
}

// ptsNames lists the open pseudo terminals.
func (p *presenceCollector) ptsNames() ([]string, error) {
	all, err := p.root.entries(ptsDir)
	var names []string
	for _, name := range all {
		if _, err := strconv.Atoi(name); err == nil {
			names = append(names, "/dev/pts/"+name)
		}
	}
	return names, err
}

func (p *presenceCollector) terminalReport(now instant) report {
	pts, err := p.openTerminals(now.boot)
	if err != nil {
		return report{source: "terminals", answer: silent, why: err.Error()}
	}
	if c := p.root.captured; c != nil {
		return c.terminalReport(pts)
	}
	if len(p.nodes.all) == 0 {
		return report{source: "terminals"}
	}
	p.lookAtTerminals(now)
	return report{source: "terminals", answer: answered, idle: now.boot - p.terminals.last, proof: pts > 0}
}

// terminalReport does not depend on how long the machine that looks at the
// captured one has been up.
func (c *captured) terminalReport(pts int64) report {
	if len(c.TerminalIdle) == 0 {
		return report{source: "terminals"}
	}
	least := slices.Min(slices.Collect(maps.Values(c.TerminalIdle)))
	return report{source: "terminals", answer: answered, idle: time.Duration(least) * time.Second, proof: pts > 0}
}

// consoles counts the terminals that are not pseudo terminals.
func (c *captured) consoles() (n int64) {
	for name := range c.TerminalIdle {
		n += one(!hasPrefix(name, ptsDir+"/"))
	}
	return n
}

// lookAtTerminals looks at those that somebody may be using, or at all.
func (p *presenceCollector) lookAtTerminals(now instant) {
	n := &p.nodes
	if n.behind.due(now.boot, p.changes.since(n.switches, now.boot)) {
		n.used = n.used[:0]
		told := slices.ContainsFunc(n.all, func(t terminalNode) bool { return t.path == n.front })
		for i, t := range n.all {
			n.look(i)
			if !told || t.path == n.front || !virtualTerminal(t.path) {
				n.used = append(n.used, i)
			}
		}
		p.terminals.look(now, n.atimes)
		return
	}
	p.lookAtUsed(now)
}

func (p *presenceCollector) lookAtUsed(now instant) {
	n := &p.nodes
	for _, i := range n.used {
		n.look(i)
	}
	p.terminals.lookAt(now, n.atimes, n.used)
}

func (p *presenceCollector) terminalsAgain(now instant) (used time.Duration, ok bool) {
	n := &p.nodes
	switch {
	case n.looked.at == 0:
		return 0, false
	case len(n.all) == 0:
		return 0, true
	case n.behind.at == 0:
		return 0, false
	}
	p.lookAtUsed(now)
	return p.terminals.last, n.looked.at > 0 // else one is gone
}

// until is when to find out anew which terminals there are, and which to look at.
func (n *terminalNodes) until() time.Duration {
	if len(n.all) == 0 {
		return n.looked.until()
	}
	return min(n.looked.until(), n.behind.until())
}

// look takes in the access time of one terminal.
func (n *terminalNodes) look(i int) {
	var st unix.Stat_t
	if unix.Fstat(n.all[i].fd, &st) != nil {
		n.looked = lookup{} // it is gone: they have to be found anew
		return
	}
	n.atimes[i].at = st.Atim.Nano()
}

// virtualTerminal tells /dev/tty1 from /dev/ttyS0.
func virtualTerminal(path string) bool {
	number, ok := strings.CutPrefix(path, "/dev/tty")
	return ok && strings.Trim(number, "0123456789") == ""
}

func (p *presenceCollector) consoles() []string {
	var paths []string
	for i := 1; i <= 8; i++ {
		paths = append(paths, "/dev/tty"+strconv.Itoa(i))
	}
	for name := range strings.FieldsSeq(p.root.slurp("/sys/class/tty/console/active")) {
		if name != "tty0" {
			paths = append(paths, filepath.Join("/dev", name))
		}
	}
	return paths
}

// bootReport counts switching the machine on, and waking it, as uses.
func (p *presenceCollector) bootReport(now instant) report {
	up := now.boot
	if p.root.captured == nil {
		p.resume.look(now)
		up -= p.resume.woke
	}
	return report{source: "boot", answer: answered, idle: up}
}

func (p *presenceCollector) bootAgain(now instant) (used time.Duration, ok bool) {
	p.resume.look(now)
	return p.resume.woke, true
}

func (p *presenceCollector) close() error {
	p.input.close()
	p.agents.close()
	p.forgetMicrophones()
	p.nodes.close()
	return nil
}
