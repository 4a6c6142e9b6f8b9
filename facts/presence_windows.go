package facts

import (
	"context"
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	user32           = windows.NewLazySystemDLL("user32.dll")
	shell32          = windows.NewLazySystemDLL("shell32.dll")
	wtsapi32         = windows.NewLazySystemDLL("wtsapi32.dll")
	getTickCount     = kernel32.NewProc("GetTickCount64")
	getLastInput     = user32.NewProc("GetLastInputInfo")
	queryUserState   = shell32.NewProc("SHQueryUserNotificationState")
	querySessionInfo = wtsapi32.NewProc("WTSQuerySessionInformationW")
)

// windowsPresence looks at every session. GetLastInputInfo sees only the
// session of the caller; a service (session 0) that trusted it would see
// nobody for ever.
type windowsPresence struct {
	resume *resumeWatch
	uses   terminalWatch // sessions' uses are on the wall clock, as terminals' are
	busy   busyWatch
}

var (
	fromWTS     = &origin{"WTS sessions", good}
	fromSignIn  = &origin{"WTS sessions", assumed}
	fromShell   = &origin{"shell, power requests", good}
	screenFacts = []fact{busy, busySeconds}
)

func (*windowsPresence) facts() []fact {
	return []fact{idleSeconds, systemIdleSeconds, locked, busy, busySeconds, sessions, remoteSessions}
}

func (p *windowsPresence) collect(_ context.Context, b *batch) {
	own, err := ownSession()
	if err != nil {
		b.unknownAll("lull's own session: "+err.Error(), p.facts()...)
		return
	}
	all, err := windowsSessions(b.now.wall)
	if err == nil && !listed(all, own) {
		err = errors.New("the list of sessions lacks lull's own, so others may be missing")
	}
	if err != nil {
		b.unknownAll("WTS sessions: "+err.Error(), p.facts()...)
		return
	}
	p.collectSessions(b, all)
	p.collectIdle(b, all, own)
	p.collectBusy(b, all, own)
}

func (p *windowsPresence) collectSessions(b *batch, all []wtsSession) {
	if total, remote, why := countSessions(all); why != "" {
		b.unknownAll(why, sessions, remoteSessions)
	} else {
		b.int(sessions, total, fromWTS)
		b.int(remoteSessions, remote, fromWTS)
	}
	switch shut, any, why := sessionsLocked(all); {
	case why != "":
		b.unknown(locked, why)
	case !any:
		b.notApplicable(locked, "nobody's session is on a screen")
	default:
		b.bool(locked, shut, fromWTS)
	}
}

// collectIdle combines the sessions, lull's own by GetLastInputInfo, and the
// time since boot and wake-up.
func (p *windowsPresence) collectIdle(b *batch, all []wtsSession, own uint32) {
	p.resume.look(b.now)
	reports := []report{{source: "boot", answer: answered, idle: b.now.boot - p.resume.woke}}
	seen := uint32(0)
	if own != 0 {
		if idle, err := lastInputIdle(); err == nil {
			reports = append(reports, report{source: "GetLastInputInfo", answer: answered, idle: idle, proof: true})
			seen = own
		}
	}
	idle, from, why := leastIdle(append(reports, p.sessionsReport(b.now, all, seen)))
	for _, f := range []fact{idleSeconds, systemIdleSeconds} {
		if why != "" {
			b.unknown(f, why)
			continue
		}
		b.seconds(f, idle, from)
		if total, _, why := countSessions(all); why == "" && total == 0 {
			b.seconds(f, idle, fromSignIn)
			b.remark(f, "nobody is signed in; what is typed at the sign-in screen may not be seen")
		}
	}
}

func (p *windowsPresence) sessionsReport(now instant, all []wtsSession, seen uint32) report {
	uses, why := sessionUses(all, seen)
	if why != "" {
		return report{source: fromWTS.source, answer: silent, why: why}
	}
	p.uses.look(now, uses)
	if len(uses) == 0 {
		return report{source: fromWTS.source}
	}
	return report{source: fromWTS.source, answer: answered, idle: now.boot - p.uses.last, proof: true}
}

// collectBusy asks the shell of lull's own session, and the system whether a
// program keeps the screen on. What fills the screen of another session is
// seen there only.
func (p *windowsPresence) collectBusy(b *batch, all []wtsSession, own uint32) {
	if !b.wantsAny(screenFacts...) {
		return
	}
	reasons, unseen := map[string]time.Duration{}, ""
	if reason, err := screenState(own); err != nil {
		unseen = err.Error()
	} else if reason != "" {
		reasons[reason+" by the shell"] = 0
	}
	for _, s := range all {
		if s.counted() && s.onScreen() && s.id != own {
			unseen = "what fills the screen of another session is seen in that session only"
		}
	}
	var execution uint32
	const systemExecutionState = 16
	if err := askPower(systemExecutionState, unsafe.Pointer(&execution), unsafe.Sizeof(execution)); err != nil {
		unseen = "power requests: " + err.Error()
	} else if displayRequired(execution) {
		reasons[busyDisplay+" by a power request"] = 0
	}
	newest := p.busy.look(b.now.boot, reasons)
	switch {
	case len(reasons) > 0:
		b.list(busy, reasonNames(reasons), fromShell)
		b.remark(busy, p.busy.describe(b.now.boot))
		b.seconds(busySeconds, newest, fromShell)
	case unseen != "":
		b.unknownAll(unseen, screenFacts...)
	default:
		b.list(busy, nil, fromShell)
		b.notApplicable(busySeconds, "nothing is busy")
	}
}

func (*windowsPresence) close() error { return nil }

// screenState asks the shell of the session that lull runs in.
func screenState(own uint32) (reason string, err error) {
	if own == 0 {
		return "", errors.New("a service does not see what is on the screen")
	}
	var state uint32
	if hr, _, _ := queryUserState.Call(uintptr(unsafe.Pointer(&state))); hr != 0 {
		return "", errors.New("the shell does not answer")
	}
	reason, why := shellBusy(state)
	if why != "" {
		return "", errors.New(why)
	}
	return reason, nil
}

// lastInputIdle is the time since the last input in lull's own session. The
// input is asked for first, so that it lies before now.
func lastInputIdle() (time.Duration, error) {
	info := struct{ size, tick uint32 }{size: 8}
	if ok, _, err := getLastInput.Call(uintptr(unsafe.Pointer(&info))); ok == 0 {
		return 0, err
	}
	now, _, _ := getTickCount.Call()
	return tickAge(uint64(now), info.tick), nil
}

func ownSession() (uint32, error) {
	var id uint32
	err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &id)
	return id, err
}

// windowsSessions lists all sessions with what Windows tells about each.
func windowsSessions(now time.Time) ([]wtsSession, error) {
	var list *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &n); err != nil {
		return nil, err
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	out := make([]wtsSession, 0, n)
	for _, s := range unsafe.Slice(list, n) {
		out = append(out, askSession(s.SessionID, s.State, now))
	}
	return out, nil
}

func askSession(id, state uint32, now time.Time) wtsSession {
	const wtsClientProtocolType, wtsSessionInfoEx = 16, 25
	s := wtsSession{id: id, state: state}
	data, err := sessionAnswer(id, wtsSessionInfoEx)
	if err == nil {
		s.info, err = parseWTSInfo(data, id, now)
	}
	if err == nil {
		var protocol []byte
		if protocol, err = sessionAnswer(id, wtsClientProtocolType); err == nil && len(protocol) < 2 {
			err = errors.New("how it is shown is not told")
		} else if err == nil {
			s.remote = protocol[0] != 0 || protocol[1] != 0 // 0: the console
		}
	}
	if err != nil {
		s.why = err.Error()
	}
	return s
}

// sessionAnswer is WTSQuerySessionInformation, copied.
func sessionAnswer(id uint32, class uintptr) ([]byte, error) {
	var data *byte
	var size uint32
	ok, _, err := querySessionInfo.Call(0, uintptr(id), class, uintptr(unsafe.Pointer(&data)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || data == nil {
		if errno, _ := err.(windows.Errno); errno == 0 {
			err = errors.New("the question is not answered")
		}
		return nil, err
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(data)))
	return append([]byte(nil), unsafe.Slice(data, size)...), nil
}
