package facts

import (
	"context"
	"path/filepath"
	"time"
	"unsafe"

	"github.com/shirou/gopsutil/v3/host"
	"golang.org/x/sys/unix"
)

// darwinPresence combines the input devices of the machine, its terminals, and
// the time since boot and wake-up.
type darwinPresence struct {
	resume    *resumeWatch
	registry  question[macPresence]
	terminals terminalWatch
	busy      busyWatch
}

// macPresence is what one look found.
type macPresence struct {
	idle             any            // HIDIdleTime
	root, assertions map[string]any // of the registry; nil = not told
	remote           int64          // sessions over the network
	remoteErr        error
	err              error // of all of it
}

var (
	fromRegistry   = &origin{"I/O registry", good}
	fromUtmpx      = &origin{"I/O registry, utmpx", good}
	fromAssertions = &origin{"power assertions", assumed} // a full screen that lets the display sleep is not seen
)

func (*darwinPresence) facts() []fact {
	return []fact{idleSeconds, systemIdleSeconds, locked, busy, busySeconds, sessions, remoteSessions}
}

func (p *darwinPresence) collect(ctx context.Context, b *batch) {
	m, err := p.registry.ask(ctx, askMacPresence)
	if err == nil {
		err = m.err
	}
	if err != nil {
		b.unknownAll("I/O registry: "+err.Error(), p.facts()...)
		return
	}
	p.collectIdle(b, m)
	p.collectSessions(b, m)
	p.collectBusy(b, m)
}

func (p *darwinPresence) collectIdle(b *batch, m macPresence) {
	p.resume.look(b.now)
	hid := report{source: "HIDIdleTime", answer: silent, why: "the input system does not tell its idle time"}
	if idle, ok := macIdle(m.idle, b.now.boot); ok {
		hid = report{source: "HIDIdleTime", answer: answered, idle: idle, proof: true}
	}
	boot := report{source: "boot", answer: answered, idle: b.now.boot - p.resume.woke}
	idle, from, why := leastIdle([]report{hid, boot, p.terminalReport(b.now)})
	for _, f := range []fact{idleSeconds, systemIdleSeconds} {
		if why != "" {
			b.unknown(f, why)
		} else {
			b.seconds(f, idle, from)
		}
	}
}

// terminalReport looks at every terminal there is: those of ssh sessions have
// no input device.
func (p *darwinPresence) terminalReport(now instant) report {
	names, err := filepath.Glob("/dev/ttys[0-9]*")
	if err != nil || len(names) == 0 {
		return report{source: "terminals"}
	}
	var list []access
	for _, name := range names {
		var st unix.Stat_t
		if unix.Stat(name, &st) == nil {
			list = append(list, access{name, st.Atim.Nano()})
		}
	}
	p.terminals.look(now, list)
	return report{source: "terminals", answer: answered, idle: now.boot - p.terminals.last}
}

func (p *darwinPresence) collectSessions(b *batch, m macPresence) {
	users, shut, shutKnown, ok := macConsole(m.root)
	switch {
	case !ok:
		b.unknownAll("the I/O registry does not list who is logged in", locked, sessions)
	case users == 0:
		b.notApplicable(locked, "nobody's session is on the screen")
	case !shutKnown:
		b.unknown(locked, "the I/O registry does not tell whether the screen is locked")
	default:
		b.bool(locked, shut, fromRegistry)
	}
	if m.remoteErr != nil {
		b.unknownAll("utmpx: "+m.remoteErr.Error(), sessions, remoteSessions)
		return
	}
	b.int(remoteSessions, m.remote, fromUtmpx)
	if ok {
		b.int(sessions, users+m.remote, fromUtmpx)
	}
}

func (p *darwinPresence) collectBusy(b *batch, m macPresence) {
	if m.assertions == nil {
		b.unknownAll("macOS does not list its power assertions", busy, busySeconds)
		return
	}
	reasons := map[string]time.Duration{}
	if macDisplayRequired(m.assertions) {
		reasons[busyDisplay+" by a power assertion"] = 0
	}
	newest := p.busy.look(b.now.boot, reasons)
	b.list(busy, reasonNames(reasons), fromAssertions)
	b.remark(busy, p.busy.describe(b.now.boot))
	if len(reasons) == 0 {
		b.notApplicable(busySeconds, "nothing is busy")
		return
	}
	b.seconds(busySeconds, newest, fromAssertions)
}

func (*darwinPresence) close() error { return nil }

func askMacPresence() (m macPresence) {
	f, err := loadFrameworks()
	if err != nil {
		return macPresence{err: err}
	}
	m.idle = f.property(f.matchingService(0, f.matchingClass("IOHIDSystem")), "HIDIdleTime", false)
	m.root = map[string]any{}
	for _, name := range []string{"IOConsoleUsers", "IOConsoleLocked"} {
		m.root[name] = f.property(f.entryFromPath(0, "IOService:/"), name, false)
	}
	var status uintptr
	if f.assertions(unsafe.Pointer(&status)) == 0 {
		m.assertions, _ = f.owned(status).(map[string]any)
	}
	users, err := host.Users()
	for _, u := range users {
		if u.Host != "" {
			m.remote++
		}
	}
	m.remoteErr = err
	return m
}
