package facts

import (
	"context"
	"maps"
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
	bus      *bus
	resume   *resumeWatch
	input    *inputWatch
	agents   *agentServer
	troubles troubles // watches of input that do not work while somebody waits

	mu        sync.Mutex // guards what follows
	terminals terminalWatch
	sessions  sessionWatch
	busy      busyWatch
	held      holdWatch     // of the idle time
	busyHeld  holdWatch     // of the reasons not to disturb
	again     *time.Timer   // looks again during a hold; nil = not armed
	previous  time.Duration // boot time of the last use at the last look
	wakers    map[*func(...fact)]bool
}

func newPresence(r *root, b *bus, resume *resumeWatch, o *Options) *presenceCollector {
	return &presenceCollector{root: r, bus: b, resume: resume, input: newInputWatch(r), agents: newAgentServer(o),
		wakers: map[*func(...fact)]bool{}}
}

func (*presenceCollector) facts() []fact { return presenceFacts }

var (
	presenceFacts = []fact{idleSeconds, systemIdleSeconds, agentHeldSeconds, locked, busy, busySeconds, agentBusySeconds, sessions, remoteSessions, graphicalSessions, terminals}
	idleFacts     = []fact{idleSeconds, systemIdleSeconds, agentHeldSeconds}
	fromPTS       = &origin{"/dev/pts", good}
)

func (p *presenceCollector) collect(ctx context.Context, b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.root.container() {
		b.unknownAll("lull runs in a container; who uses the machine is seen from its host only", presenceFacts...)
		return
	}
	names, ptsErr := p.ptsNames()
	if ptsErr != nil {
		b.unknown(terminals, ptsErr.Error())
	} else {
		b.int(terminals, int64(len(names)), fromPTS)
	}
	if !b.wantsAny(idleSeconds, systemIdleSeconds, agentHeldSeconds, locked, busy, busySeconds, agentBusySeconds, sessions, remoteSessions, graphicalSessions) {
		return
	}
	l, err := p.bus.logind(ctx)
	told := p.agents.ask(ctx, l)
	p.collectSessions(b, l, err)
	p.collectBusy(b, l, err, told)
	if b.wantsAny(idleFacts...) {
		p.collectIdle(b, p.reports(b, names, ptsErr, l, err, told))
	}
	p.keepLooking()
}

// reports asks every source.
func (p *presenceCollector) reports(b *batch, pts []string, ptsErr error, l *logindState, err error, told []agentReport) []report {
	input := p.input.report(b.now.boot)
	all := []report{p.terminalReport(b.now, pts, ptsErr), p.bootReport(b.now), p.sessionReport(b.now.boot, l, err, told)}
	for _, t := range told {
		r := t.report(b.now.boot)
		r.agent = r.agent && !t.seated(l)
		all = append(all, r)
	}
	if input.answer == silent && p.sessions.covered(l, told) {
		input = report{source: "input"} // every local session has an agent that sees its devices
	}
	if why := p.troubles.any(); why != "" { // a use would be told of too late
		all = append(all, report{source: "watch", answer: silent, why: why})
	}
	return append(all, input)
}

func (p *presenceCollector) collectIdle(b *batch, reports []report) {
	idle, source, why := leastIdle(reports)
	system, systemSource, systemWhy := leastIdle(withoutAgents(reports))
	storeIdle(b, idleSeconds, idle, source, why)
	storeIdle(b, systemIdleSeconds, system, systemSource, systemWhy)
	holding, mute := heldByAgents(reports)
	held := p.held.look(b.now.boot, holding, mute)
	if systemWhy != "" {
		b.unknown(agentHeldSeconds, systemWhy)
	} else {
		b.seconds(agentHeldSeconds, held, fromAgent)
	}
	if why == "" {
		p.noticeReturn(b.now.boot - idle)
	}
}

func storeIdle(b *batch, f fact, idle time.Duration, source, why string) {
	if why != "" {
		b.unknown(f, why)
		return
	}
	b.seconds(f, idle, originOf(source))
}

// origins keeps one origin per combination of sources, as snapshots share them.
var origins sync.Map

func originOf(source string) *origin {
	if o, ok := origins.Load(source); ok {
		return o.(*origin)
	}
	o, _ := origins.LoadOrStore(source, &origin{source, good})
	return o.(*origin)
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

// ptsNames lists the open pseudo terminals.
func (p *presenceCollector) ptsNames() ([]string, error) {
	if c := p.root.captured; c != nil {
		var names []string
		for name := range c.TerminalIdle {
			names = append(names, name)
		}
		return names, nil
	}
	all, err := p.root.entries("/dev/pts")
	var names []string
	for _, name := range all {
		if _, err := strconv.Atoi(name); err == nil {
			names = append(names, "/dev/pts/"+name)
		}
	}
	return names, err
}

func (p *presenceCollector) terminalReport(now instant, pts []string, err error) report {
	if err != nil {
		return report{source: "terminals", answer: silent, why: err.Error()}
	}
	if c := p.root.captured; c != nil {
		return c.terminalReport()
	}
	atimes := p.accessTimes(append(pts, p.consoles()...))
	if len(atimes) == 0 {
		return report{source: "terminals"}
	}
	p.terminals.look(now, atimes)
	return report{source: "terminals", answer: answered, idle: now.boot - p.terminals.last, proof: len(pts) > 0}
}

// terminalReport is free of the clocks of the machine that looks at c.
func (c *captured) terminalReport() report {
	if len(c.TerminalIdle) == 0 {
		return report{source: "terminals"}
	}
	least := slices.Min(slices.Collect(maps.Values(c.TerminalIdle)))
	return report{source: "terminals", answer: answered, idle: time.Duration(least) * time.Second, proof: true}
}

func (p *presenceCollector) accessTimes(paths []string) map[string]time.Time {
	out := make(map[string]time.Time, len(paths))
	for _, path := range paths {
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			out[path] = time.Unix(st.Atim.Unix())
		}
	}
	return out
}

// consoles lists the virtual terminals that logins run on, and serial consoles.
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
	if p.root.captured != nil {
		v, _, _ := parseDecimal([]byte(p.root.slurp("/proc/uptime")))
		up = time.Duration(v * float64(time.Second))
	} else {
		p.resume.look(now.boot)
		up -= p.resume.woke
	}
	return report{source: "boot", answer: answered, idle: up}
}

func (p *presenceCollector) close() error {
	p.input.close()
	p.agents.close()
	return nil
}
