package facts

import (
	"context"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

func nativeCollectors() []collector {
	return []collector{windowsPower{}, windowsPresence{}, windowsStorage{}, windowsHost{}}
}

var (
	kernel32         = windows.NewLazySystemDLL("kernel32.dll")
	user32           = windows.NewLazySystemDLL("user32.dll")
	shell32          = windows.NewLazySystemDLL("shell32.dll")
	wtsapi32         = windows.NewLazySystemDLL("wtsapi32.dll")
	getPowerStatus   = kernel32.NewProc("GetSystemPowerStatus")
	getTickCount     = kernel32.NewProc("GetTickCount")
	getLastInput     = user32.NewProc("GetLastInputInfo")
	queryUserState   = shell32.NewProc("SHQueryUserNotificationState")
	querySessionInfo = wtsapi32.NewProc("WTSQuerySessionInformationW")
)

// windowsPower reads SYSTEM_POWER_STATUS.
type windowsPower struct{}

var fromPowerStatus = &origin{"GetSystemPowerStatus", good}

func (windowsPower) facts() []fact { return []fact{onAC, powerSource, batteryPercent, saver} }

type systemPowerStatus struct {
	acLine, batteryFlag, batteryPercent, saver byte
	lifeTime, fullLifeTime                     uint32
}

func (windowsPower) collect(_ context.Context, b *batch) {
	var s systemPowerStatus
	if ok, _, err := getPowerStatus.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		b.unknownAll("GetSystemPowerStatus: "+err.Error(), onAC, powerSource, batteryPercent, saver)
		return
	}
	s.store(b)
}

func (s systemPowerStatus) store(b *batch) {
	switch s.acLine {
	case 0, 1:
		b.bool(onAC, s.acLine == 1, fromPowerStatus)
		b.text(powerSource, []string{"battery", "ac"}[s.acLine], fromPowerStatus)
	default:
		b.unknownAll("Windows does not know the power source", onAC, powerSource)
	}
	b.bool(saver, s.saver == 1, fromPowerStatus)
	switch {
	case s.batteryFlag&128 != 0 && s.batteryFlag != 255:
		b.notApplicable(batteryPercent, "the machine has no battery")
	case s.batteryPercent > 100:
		b.unknown(batteryPercent, "Windows does not know the charge")
	default:
		b.number(batteryPercent, float64(s.batteryPercent), fromPowerStatus)
	}
}

func (windowsPower) close() error { return nil }

// windowsPresence looks at every session. GetLastInputInfo sees only the
// session of the caller; a service (session 0) that trusted it would see
// nobody for ever.
type windowsPresence struct{}

var (
	fromLastInput = &origin{"GetLastInputInfo", good}
	fromWTS       = &origin{"WTS sessions", good}
	fromShell     = &origin{"SHQueryUserNotificationState", good}
)

func (windowsPresence) facts() []fact {
	return []fact{idleSeconds, systemIdleSeconds, locked, busy, busySeconds, sessions, remoteSessions}
}

func (windowsPresence) collect(_ context.Context, b *batch) {
	all, err := windowsSessions()
	if err != nil {
		b.unknownAll("WTS sessions: "+err.Error(), windowsPresence{}.facts()...)
		return
	}
	var remote int64
	for _, s := range all {
		if s.remote {
			remote++
		}
	}
	b.int(sessions, int64(len(all)), fromWTS)
	b.int(remoteSessions, remote, fromWTS)
	b.unknown(locked, "the lock state is known to the session's own agent only")
	collectWindowsIdle(b, all)
	collectWindowsBusy(b)
}

func collectWindowsIdle(b *batch, all []windowsSession) {
	reports := []report{{source: "WTS sessions", answer: answered, idle: time.Duration(windows.DurationSinceBoot()), proof: true}}
	own := ownSession()
	for _, s := range all {
		reports = append(reports, s.report(own))
	}
	idle, from, why := leastIdle(reports)
	for _, f := range []fact{idleSeconds, systemIdleSeconds} {
		if why != "" {
			b.unknown(f, why)
			continue
		}
		b.seconds(f, idle, from)
	}
}

// windowsSession is a session somebody is logged in to.
type windowsSession struct {
	id     uint32
	remote bool
	idle   time.Duration // -1 = Windows does not say
}

// report prefers GetLastInputInfo for the own session; a last input of zero,
// as for disconnected sessions and on old versions, is no answer.
func (s windowsSession) report(own uint32) report {
	if s.id == own && own != 0 {
		if idle, ok := lastInputIdle(); ok {
			return report{source: "GetLastInputInfo", answer: answered, idle: idle, proof: true}
		}
	}
	if s.idle < 0 {
		return report{source: "session", answer: silent, why: "Windows does not tell when its last input was; run lull agent in it"}
	}
	return report{source: "WTS sessions", answer: answered, idle: s.idle, proof: true}
}

func lastInputIdle() (time.Duration, bool) {
	info := struct{ size, tick uint32 }{size: 8}
	if ok, _, _ := getLastInput.Call(uintptr(unsafe.Pointer(&info))); ok == 0 {
		return 0, false
	}
	now, _, _ := getTickCount.Call()
	return time.Duration(uint32(now)-info.tick) * time.Millisecond, true // both wrap after 49 days
}

func ownSession() uint32 {
	var id uint32
	if windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &id) != nil {
		return 0
	}
	return id
}

// windowsSessions lists the sessions that are active or disconnected with
// somebody logged in.
func windowsSessions() ([]windowsSession, error) {
	var list *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &n); err != nil {
		return nil, err
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	var out []windowsSession
	for _, s := range unsafe.Slice(list, n) {
		if s.SessionID != 0 && (s.State == windows.WTSActive || s.State == windows.WTSConnected) {
			out = append(out, windowsSession{s.SessionID, sessionRemote(s.SessionID), sessionIdle(s.SessionID)})
		}
	}
	return out, nil
}

// wtsInfo is WTSINFOW.
type wtsInfo struct {
	state, id                                          uint32
	in, out, inFrames, outFrames, inBytes, outBytes    uint32
	station                                            [32]uint16
	domain                                             [17]uint16
	user                                               [21]uint16
	connect, disconnect, lastInput, logon, currentTime int64
}

const (
	wtsSessionInfo    = 24
	wtsClientProtocol = 16
)

func sessionIdle(id uint32) time.Duration {
	var info *wtsInfo
	var size uint32
	ok, _, _ := querySessionInfo.Call(0, uintptr(id), wtsSessionInfo, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || info == nil {
		return -1
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(info)))
	if uintptr(size) < unsafe.Sizeof(*info) || info.lastInput <= 0 || info.currentTime < info.lastInput {
		return -1
	}
	if info.currentTime == info.lastInput {
		return 0
	}
	return time.Duration(info.currentTime-info.lastInput) * 100
}

func sessionRemote(id uint32) bool {
	var protocol *uint16
	var size uint32
	ok, _, _ := querySessionInfo.Call(0, uintptr(id), wtsClientProtocol, uintptr(unsafe.Pointer(&protocol)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || protocol == nil {
		return false
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(protocol)))
	return *protocol != 0
}

func collectWindowsBusy(b *batch) {
	var state uint32
	if ownSession() == 0 {
		b.unknownAll("a service does not see what is on the screen", busy, busySeconds)
		return
	}
	if hr, _, _ := queryUserState.Call(uintptr(unsafe.Pointer(&state))); hr != 0 {
		b.unknownAll("the shell does not answer", busy, busySeconds)
		return
	}
	reasons := map[uint32]string{2: busyFullscreen, 3: busyGame, 4: busyPresentation}
	reason, ok := reasons[state]
	if !ok {
		b.list(busy, nil, fromShell)
		b.notApplicable(busySeconds, "nothing is busy")
		return
	}
	b.list(busy, []string{reason}, fromShell)
	b.unknown(busySeconds, "Windows does not say since when")
}

func (windowsPresence) close() error { return nil }

// windowsStorage asks whether the target's disk has a seek penalty.
type windowsStorage struct{}

var fromSeekPenalty = &origin{"IOCTL_STORAGE_QUERY_PROPERTY", good}

func (windowsStorage) facts() []fact { return []fact{rotational} }

func (windowsStorage) collect(_ context.Context, b *batch) {
	penalty, err := seekPenalty(filepath.VolumeName(existingAncestor(b.path)))
	if err != nil {
		b.unknown(rotational, "the disk does not say whether it turns: "+err.Error())
		return
	}
	b.bool(rotational, penalty, fromSeekPenalty)
}

func seekPenalty(volume string) (bool, error) {
	const queryProperty, seekPenaltyProperty = 0x2d1400, 7
	name, err := windows.UTF16PtrFromString(`\\.\` + volume)
	if err != nil {
		return false, err
	}
	h, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return false, err
	}
	defer windows.CloseHandle(h)
	in := struct {
		property, query uint32
		more            [4]byte
	}{property: seekPenaltyProperty}
	var out struct {
		version, size uint32
		penalty       byte
		_             [3]byte
	}
	var n uint32
	err = windows.DeviceIoControl(h, queryProperty, (*byte)(unsafe.Pointer(&in)), uint32(unsafe.Sizeof(in)), (*byte)(unsafe.Pointer(&out)), uint32(unsafe.Sizeof(out)), &n, nil)
	return out.penalty != 0, err
}

func (windowsStorage) close() error { return nil }

// windowsHost looks for the marks of a pending reboot in the registry.
type windowsHost struct{}

var fromRegistry = &origin{"registry", good}

func (windowsHost) facts() []fact { return []fact{rebootPending} }

var rebootKeys = []string{
	`SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired`,
	`SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending`,
}

func (windowsHost) collect(_ context.Context, b *batch) {
	for _, key := range rebootKeys {
		name, err := windows.UTF16PtrFromString(key)
		if err != nil {
			continue
		}
		var h windows.Handle
		if windows.RegOpenKeyEx(windows.HKEY_LOCAL_MACHINE, name, 0, windows.KEY_READ, &h) == nil {
			windows.RegCloseKey(h)
			b.bool(rebootPending, true, fromRegistry)
			return
		}
	}
	b.bool(rebootPending, false, fromRegistry)
}

func (windowsHost) close() error { return nil }
