package agent

import (
	"errors"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// The part of the X Synchronization Extension, protocol version 3.1, that the
// alarm needs; xgb has no package for it.
const (
	syncInitialize         = 0
	syncListSystemCounters = 1
	syncCreateAlarm        = 8
	syncAlarmNotify        = 1 // event

	alarmCounter, alarmValueType, alarmValue, alarmTest, alarmDelta, alarmEvents = 1, 2, 4, 8, 16, 32 // value mask

	negativeTransition = 1
)

// idleAlarm has the server send an idleAlarmEvent each time the idle time
// falls below away, that is: with the first input after at least that long
// without any. A transition alarm with a delta of zero stays armed, and the
// server does nothing for it while people type or while nobody does.
func idleAlarm(conn *xgb.Conn, away time.Duration) error {
	ext, err := xproto.QueryExtension(conn, 4, "SYNC").Reply()
	if err != nil {
		return err
	}
	if ext == nil || !ext.Present {
		return errors.New("it has no SYNC extension")
	}
	xgb.NewEventFuncs[int(ext.FirstEvent)+syncAlarmNotify] = func([]byte) xgb.Event { return idleAlarmEvent{} }
	ask := func(body ...byte) ([]byte, error) {
		cookie := conn.NewCookie(true, true)
		conn.NewRequest(syncRequest(ext.MajorOpcode, body[0], body[1:]), cookie)
		return cookie.Reply()
	}
	if _, err := ask(syncInitialize, 3, 1, 0, 0); err != nil {
		return err
	}
	counters, err := ask(syncListSystemCounters)
	if err != nil {
		return err
	}
	counter, ok := findCounter(counters, "IDLETIME")
	if !ok {
		return errors.New("it has no IDLETIME counter")
	}
	alarm, err := conn.NewId()
	if err != nil {
		return err
	}
	cookie := conn.NewCookie(true, false)
	conn.NewRequest(syncRequest(ext.MajorOpcode, syncCreateAlarm, alarmBody(alarm, counter, away)), cookie)
	return cookie.Check()
}

func syncRequest(major, minor byte, body []byte) []byte {
	buf := make([]byte, 4, 4+len(body))
	buf[0], buf[1] = major, minor
	xgb.Put16(buf[2:], uint16(1+len(body)/4))
	return append(buf, body...)
}

func alarmBody(alarm, counter uint32, away time.Duration) []byte {
	ms := uint64(away.Milliseconds())
	words := []uint32{alarm, alarmCounter | alarmValueType | alarmValue | alarmTest | alarmDelta | alarmEvents,
		counter, 0, uint32(ms >> 32), uint32(ms), negativeTransition, 0, 0, 1}
	body := make([]byte, 4*len(words))
	for i, w := range words {
		xgb.Put32(body[4*i:], w)
	}
	return body
}

// findCounter looks a system counter up in a ListSystemCounters reply: after 32
// bytes, entries of id, resolution (8 bytes), length and name, padded to four.
func findCounter(reply []byte, name string) (uint32, bool) {
	if len(reply) < 32 {
		return 0, false
	}
	for list := reply[32:]; len(list) >= 14; {
		n := int(xgb.Get16(list[12:]))
		size := (14 + n + 3) &^ 3
		if size > len(list) {
			return 0, false
		}
		if string(list[14:14+n]) == name {
			return xgb.Get32(list), true
		}
		list = list[size:]
	}
	return 0, false
}

// idleAlarmEvent is the server's AlarmNotify; there is only one alarm, so
// nothing in it matters.
type idleAlarmEvent struct{}

func (idleAlarmEvent) Bytes() []byte  { return nil }
func (idleAlarmEvent) String() string { return "AlarmNotify" }
