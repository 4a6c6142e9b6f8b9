package facts

// What Windows says about its sessions (Terminal Services, WTS) is judged
// here, on every platform, so that it is tested on every one. The questions
// are asked in presence_windows.go.

import (
	"encoding/binary"
	"fmt"
	"time"
)

// wtsSession is a session as Terminal Services lists it.
type wtsSession struct {
	id     uint32
	state  uint32 // WTS_CONNECTSTATE_CLASS
	remote bool   // it is shown over the network
	info   wtsInfo
	why    string // why info and remote are not known; "" = they are
}

// Connect states (WTS_CONNECTSTATE_CLASS). The others are of sessions that
// listen, start or end, and have no person in them.
const (
	wtsActive       = 0
	wtsConnected    = 1 // on a screen, nobody signed in
	wtsConnectQuery = 2
	wtsShadow       = 3
	wtsDisconnected = 4 // somebody signed in, and went away from it
)

// wtsInfo is what WTSINFOEX tells.
type wtsInfo struct {
	signedIn bool
	lock     int32     // SessionFlags
	input    time.Time // last input; zero = not told
	changed  time.Time // the latest of sign-in, connection and disconnection; zero = not told
}

// SessionFlags of WTSINFOEX_LEVEL1. Windows 7 had the first two the wrong way
// round; Go needs Windows 10.
const (
	wtsLocked   = 0
	wtsUnlocked = 1
)

// Offsets in WTSINFOEXW (wtsapi32.h) with eight-byte alignment: Level, then
// from 8 on WTSINFOEX_LEVEL1_W.
const (
	wtsLevelAt, wtsIDAt, wtsFlagsAt, wtsUserAt                         = 0, 8, 16, 86
	wtsLogonAt, wtsConnectAt, wtsDisconnectAt, wtsInputAt, wtsNowAt, _ = 168, 176, 184, 192, 200, 0
	wtsInfoSize                                                        = 208 // up to and with the current time
)

// parseWTSInfo reads WTSINFOEXW about session id. An answer that speaks of
// another session or another time is not believed: times are what presence is
// made of, and a shifted field would look like a long absence.
func parseWTSInfo(data []byte, id uint32, now time.Time) (wtsInfo, error) {
	if len(data) < wtsInfoSize || binary.LittleEndian.Uint32(data[wtsLevelAt:]) != 1 {
		return wtsInfo{}, fmt.Errorf("the answer has %d bytes and another form", len(data))
	}
	if got := binary.LittleEndian.Uint32(data[wtsIDAt:]); got != id {
		return wtsInfo{}, fmt.Errorf("asked about session %d, Windows speaks of %d", id, got)
	}
	at := func(offset int) time.Time { return fromFiletime(int64(binary.LittleEndian.Uint64(data[offset:]))) }
	if said := at(wtsNowAt); said.IsZero() || abs(said.Sub(now)) > time.Minute {
		return wtsInfo{}, fmt.Errorf("the answer says that it is %s", said.UTC().Format(time.RFC3339))
	}
	info := wtsInfo{
		signedIn: data[wtsUserAt] != 0 || data[wtsUserAt+1] != 0,
		lock:     int32(binary.LittleEndian.Uint32(data[wtsFlagsAt:])),
		input:    at(wtsInputAt),
	}
	for _, offset := range []int{wtsLogonAt, wtsConnectAt, wtsDisconnectAt} {
		if t := at(offset); t.After(info.changed) {
			info.changed = t
		}
	}
	return info, nil
}

// filetimeUnix is 1970 in Windows' time: tenths of microseconds since 1601.
const filetimeUnix = 116444736000000000

// fromFiletime converts Windows' time; what is not told (0) or cannot be is zero.
func fromFiletime(v int64) time.Time {
	const latest = 1 << 62 / 100 // far in the future, and not beyond time.Duration
	if v <= filetimeUnix || v-filetimeUnix > latest {
		return time.Time{}
	}
	return time.Unix(0, (v-filetimeUnix)*100)
}

// used is when somebody last used the session, and why it is not known.
func (s wtsSession) used() (at time.Time, why string) {
	switch {
	case s.why != "":
		return time.Time{}, s.why
	case s.onScreen() && s.info.signedIn && s.info.input.IsZero():
		return time.Time{}, "Windows does not tell when its last input was"
	case s.info.input.After(s.info.changed):
		return s.info.input, ""
	case s.info.changed.IsZero():
		return time.Time{}, "Windows does not tell since when it is so"
	}
	return s.info.changed, ""
}

// person reports whether a person may be in the session: one on a screen or
// one that somebody left signed in. Session 0 belongs to services.
func (s wtsSession) person() bool {
	return s.id != 0 && (s.onScreen() || s.state == wtsDisconnected && (s.why != "" || s.info.signedIn))
}

func (s wtsSession) onScreen() bool { return s.state <= wtsShadow }

// counted reports whether the session is somebody's, not a sign-in screen.
func (s wtsSession) counted() bool { return s.person() && (s.why != "" || s.info.signedIn) }

// listed reports whether own is in the list. A list without the very session
// that asks is not complete, and an empty one does not mean that nobody is here.
func listed(all []wtsSession, own uint32) bool {
	for _, s := range all {
		if s.id == own {
			return true
		}
	}
	return false
}

// sessionUses dates the last use of every session with a person by its name.
// seen is a session whose input another source tells, 0 for none. It is
// unknown when one session is.
func sessionUses(all []wtsSession, seen uint32) (uses []access, why string) {
	for _, s := range all {
		if !s.person() || s.id == seen {
			continue
		}
		at, why := s.used()
		if why != "" {
			return nil, fmt.Sprintf("session %d: %s", s.id, why)
		}
		uses = append(uses, access{fmt.Sprintf("session %d", s.id), at.UnixNano()})
	}
	return uses, ""
}

// sessionsLocked decides presence.locked: every session on a screen is locked.
// any is whether there is one; why is set when it is not known.
func sessionsLocked(all []wtsSession) (locked, any bool, why string) {
	locked = true
	for _, s := range all {
		if !s.counted() || !s.onScreen() {
			continue
		}
		any = true
		switch {
		case s.why == "" && s.info.lock == wtsUnlocked:
			return false, true, "" // whatever the others say
		case s.why != "":
			why = fmt.Sprintf("session %d: %s", s.id, s.why)
		case s.info.lock != wtsLocked:
			why = fmt.Sprintf("session %d: Windows does not know whether it is locked", s.id)
		}
	}
	return locked, any, why
}

// countSessions decides how many people's sessions there are.
func countSessions(all []wtsSession) (total, remote int64, why string) {
	for _, s := range all {
		if !s.counted() {
			continue
		}
		if s.why != "" {
			return 0, 0, fmt.Sprintf("session %d: %s", s.id, s.why)
		}
		total++
		if s.remote {
			remote++
		}
	}
	return total, remote, ""
}

// tickAge is the age of a 32-bit tick count that GetLastInputInfo gave, now
// being GetTickCount64, both in milliseconds since boot. The short count wraps
// after 49.7 days: an older input looks newer, never older. A tick that lies
// just after now (another processor's clock, or an input since) is now, and
// not 49.7 days ago.
func tickAge(now uint64, last uint32) time.Duration {
	const slack = 60_000
	age := uint32(now) - last
	if uint64(age) > now || age > 1<<32-1-slack {
		return 0
	}
	return time.Duration(age) * time.Millisecond
}
