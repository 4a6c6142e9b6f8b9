package facts

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"
	"time"
	"unicode/utf16"
)

var wtsNow = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// wtsBytes lays an answer out as wtsapi32.h does, field by field.
func wtsBytes(id, state uint32, flags int32, user string, logon, connect, disconnect, input time.Duration) []byte {
	var out []byte
	put := func(v uint32) { out = binary.LittleEndian.AppendUint32(out, v) }
	text := func(s string, n int) {
		field := make([]uint16, n)
		copy(field, utf16.Encode([]rune(s)))
		for _, c := range field {
			out = binary.LittleEndian.AppendUint16(out, c)
		}
	}
	stamp := func(ago time.Duration) {
		v := int64(0)
		if ago >= 0 {
			v = wtsNow.Add(-ago).UnixNano()/100 + filetimeUnix
		}
		out = binary.LittleEndian.AppendUint64(out, uint64(v))
	}
	put(1) // Level
	put(0) // alignment of the union
	put(id)
	put(state)
	put(uint32(flags))
	text("Console", 33)
	text(user, 21)
	text("OFFICE", 18)
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	stamp(logon)
	stamp(connect)
	stamp(disconnect)
	stamp(input)
	stamp(0)
	for range 6 {
		put(0) // counters of bytes and frames
	}
	return out
}

const never = time.Duration(-1)

func mustParse(t *testing.T, data []byte, id uint32) wtsInfo {
	t.Helper()
	info, err := parseWTSInfo(data, id, wtsNow)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestASessionsAnswerIsReadFieldByField(t *testing.T) {
	data := wtsBytes(3, wtsActive, wtsLocked, "alice", 9*time.Hour, 3*time.Hour, 4*time.Hour, 7*time.Minute)
	if len(data) != 232 {
		t.Fatalf("WTSINFOEXW has 232 bytes, this has %d", len(data))
	}
	got := mustParse(t, data, 3)
	if !got.signedIn || got.lock != wtsLocked || wtsNow.Sub(got.input) != 7*time.Minute || wtsNow.Sub(got.changed) != 3*time.Hour {
		t.Errorf("got %+v", got)
	}
	if got := mustParse(t, wtsBytes(1, wtsConnected, -1, "", never, time.Hour, never, never), 1); got.signedIn || !got.input.IsZero() {
		t.Errorf("a sign-in screen: got %+v", got)
	}
}

func TestAnAnswerAboutSomethingElseIsNotBelieved(t *testing.T) {
	good := wtsBytes(3, wtsActive, wtsUnlocked, "alice", 0, 0, 0, 0)
	for name, c := range map[string]struct {
		data []byte
		id   uint32
		now  time.Time
	}{
		"too short":           {good[:wtsInfoSize-1], 3, wtsNow},
		"empty":               {nil, 3, wtsNow},
		"another level":       {append([]byte{2}, good[1:]...), 3, wtsNow},
		"another session":     {good, 4, wtsNow},
		"another time":        {good, 3, wtsNow.Add(time.Hour)},
		"shifted by a field":  {append(make([]byte, 8), good...), 0, wtsNow},
		"all bytes are zeros": {make([]byte, 232), 0, wtsNow},
	} {
		t.Run(name, func(t *testing.T) {
			if info, err := parseWTSInfo(c.data, c.id, c.now); err == nil {
				t.Errorf("believed: %+v", info)
			}
		})
	}
}

func TestEverySessionsLastUseCounts(t *testing.T) {
	ago := func(d time.Duration) time.Time { return wtsNow.Add(-d) }
	services := wtsSession{id: 0, state: wtsDisconnected, info: wtsInfo{}}
	listener := wtsSession{id: 65536, state: 6}
	alice := wtsSession{id: 1, state: wtsActive, info: wtsInfo{signedIn: true, input: ago(20 * time.Minute), changed: ago(9 * time.Hour)}}
	left := wtsSession{id: 2, state: wtsDisconnected, info: wtsInfo{signedIn: true, changed: ago(time.Hour)}}
	screen := wtsSession{id: 3, state: wtsConnected, info: wtsInfo{changed: ago(5 * time.Minute)}}
	denied := wtsSession{id: 4, state: wtsActive, why: "Access is denied."}
	silent := wtsSession{id: 5, state: wtsActive, info: wtsInfo{signedIn: true, changed: ago(9 * time.Hour)}}
	fresh := wtsSession{id: 6, state: wtsConnected}
	type uses = map[string]time.Time
	for name, c := range map[string]struct {
		all  []wtsSession
		seen uint32
		want uses // nil = unknown
	}{
		"services alone are nobody":                                      {[]wtsSession{services, listener}, 0, uses{}},
		"a service sees the user's own session":                          {[]wtsSession{services, alice}, 0, uses{"session 1": ago(20 * time.Minute)}},
		"one that was left counts from when it was left":                 {[]wtsSession{services, left}, 0, uses{"session 2": ago(time.Hour)}},
		"the sign-in screen counts from when it appeared":                {[]wtsSession{services, screen}, 0, uses{"session 3": ago(5 * time.Minute)}},
		"a sign-in screen of unknown age is unknown":                     {[]wtsSession{services, fresh}, 0, nil},
		"a session that may not be asked makes it unknown":               {[]wtsSession{services, alice, denied}, 0, nil},
		"no last input is unknown and not an old one, nor the sign-in's": {[]wtsSession{services, silent}, 0, nil},
		"a session that another source sees is left to it":               {[]wtsSession{services, denied}, 4, uses{}},
		"all count": {[]wtsSession{services, alice, left}, 0, uses{"session 1": ago(20 * time.Minute), "session 2": ago(time.Hour)}},
		"what was left and cannot be asked about may be in use any moment": {[]wtsSession{{id: 7, state: wtsDisconnected, why: "no"}}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, why := sessionUses(c.all, c.seen)
			got := uses{}
			for _, a := range list {
				got[a.name] = time.Unix(0, a.at).UTC()
			}
			if (c.want == nil) != (why != "") || !maps.Equal(got, c.want) {
				t.Errorf("got %v (%s), want %v", got, why, c.want)
			}
		})
	}
}

func TestSessionsAreCountedAndLockedTogether(t *testing.T) {
	user := func(id uint32, lock int32) wtsSession {
		return wtsSession{id: id, state: wtsActive, info: wtsInfo{signedIn: true, lock: lock}}
	}
	remote := user(2, wtsLocked)
	remote.remote = true
	denied := wtsSession{id: 4, state: wtsActive, why: "Access is denied."}
	away := wtsSession{id: 5, state: wtsDisconnected, info: wtsInfo{signedIn: true, lock: wtsUnlocked}}
	screen := wtsSession{id: 6, state: wtsConnected, info: wtsInfo{lock: -1}}
	for name, c := range map[string]struct {
		all           []wtsSession
		total, remote int64 // -1 = unknown
		locked        string
	}{
		"nobody":                             {nil, 0, 0, "none"},
		"a sign-in screen is nobody's":       {[]wtsSession{screen}, 0, 0, "none"},
		"one who works":                      {[]wtsSession{user(1, wtsUnlocked)}, 1, 0, "no"},
		"one who locked":                     {[]wtsSession{user(1, wtsLocked)}, 1, 0, "yes"},
		"two of whom one works":              {[]wtsSession{remote, user(1, wtsUnlocked)}, 2, 1, "no"},
		"one who went away is on no screen":  {[]wtsSession{away, remote}, 2, 1, "yes"},
		"only one who went away":             {[]wtsSession{away}, 1, 0, "none"},
		"a lock state that Windows lacks":    {[]wtsSession{user(1, -1)}, 1, 0, "unknown"},
		"one who may not be asked about":     {[]wtsSession{remote, denied}, -1, -1, "unknown"},
		"one who works beside one unknown":   {[]wtsSession{user(1, wtsUnlocked), denied}, -1, -1, "no"},
		"one unknown before one who works":   {[]wtsSession{denied, user(1, wtsUnlocked)}, -1, -1, "no"},
		"services are not people's sessions": {[]wtsSession{{id: 0, state: wtsDisconnected, why: "no"}}, 0, 0, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			total, far, why := countSessions(c.all)
			if why != "" {
				total, far = -1, -1
			}
			shut, any, why := sessionsLocked(c.all)
			got := map[bool]string{true: "yes", false: "no"}[shut]
			switch {
			case why != "":
				got = "unknown"
			case !any:
				got = "none"
			}
			if total != c.total || far != c.remote || got != c.locked {
				t.Errorf("got %d sessions, %d remote, locked %s; want %d, %d, %s", total, far, got, c.total, c.remote, c.locked)
			}
		})
	}
}

func TestAListWithoutLullsOwnSessionIsNotComplete(t *testing.T) {
	if listed(nil, 1) || listed([]wtsSession{{id: 0}}, 1) || !listed([]wtsSession{{id: 0}, {id: 1}}, 1) {
		t.Error("listed is wrong")
	}
}

func TestTicksWrapToLessIdleNeverToMore(t *testing.T) {
	const day = 24 * 3600 * 1000
	for name, c := range map[string]struct {
		now  uint64
		last uint32
		want time.Duration
	}{
		"just booted":                                           {5000, 2000, 3 * time.Second},
		"no input since boot":                                   {day, 0, 24 * time.Hour},
		"input on the other side of the wrap":                   {1<<32 + 1000, 1<<32 - 4000, 5 * time.Second},
		"fifty days up, input an hour ago":                      {50 * day, 50*day - 1<<32 - 3600_000, time.Hour},
		"an input just after now is now and not 49.7 days ago":  {day, day + 16, 0},
		"so it is on the other side of the wrap":                {1<<32 - 10, 5, 0},
		"so it is after a long time":                            {60 * day, 60*day - 1<<32 + 16, 0},
		"an input before boot cannot be":                        {1000, 5000, 0},
		"nobody for fifty days looks like somebody lately":      {51 * day, 1 * day, 50*24*time.Hour - (1<<32)*time.Millisecond},
		"nobody for fourty-nine days looks like fourty-nine":    {50 * day, 1 * day, 49 * 24 * time.Hour},
		"a machine that is up for a year and used a minute ago": {365 * day, (365*day - 60_000) % (1 << 32), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tickAge(c.now, c.last); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	// Whenever the machine was used, it is never taken for idle for longer.
	for _, up := range []uint64{1, 1000, day, 49 * day, 1<<32 - 1, 1 << 32, 50 * day, 100 * day, 1000 * day} {
		for _, ago := range []uint64{0, 1, 999, 60_000, day, 30 * day, 49 * day, 1<<32 - 1, 1 << 32, 80 * day} {
			if ago > up {
				continue
			}
			if got := tickAge(up, uint32(up-ago)); got > time.Duration(ago)*time.Millisecond {
				t.Errorf("up %d ms, used %d ms ago: idle for %v", up, ago, got)
			}
		}
	}
}

// FuzzWTSInfo: what is believed is about this session and this time, and no
// time in it is later than a person could tell.
func FuzzWTSInfo(f *testing.F) {
	f.Add(wtsBytes(3, wtsActive, wtsLocked, "alice", time.Hour, time.Hour, never, time.Minute))
	f.Add(slices.Repeat([]byte{0xff}, 232))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := parseWTSInfo(data, 3, wtsNow)
		if err != nil {
			return
		}
		if binary.LittleEndian.Uint32(data[8:]) != 3 {
			t.Error("an answer about another session is believed")
		}
		at, why := wtsSession{id: 3, info: info}.used()
		if why == "" && at.Before(time.Unix(0, 0)) {
			t.Errorf("last used %v", at)
		}
	})
}
