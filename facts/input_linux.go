package facts

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// inputWatch dates the last event of the machine's input devices. Devices are
// opened once; of their events only the time is looked at, and nothing is kept.
// Without an event since it began it can only say how long it has watched.
type inputWatch struct {
	root *root

	mu      sync.Mutex
	devices map[string]int // name (event3) to descriptor
	silent  string         // why an expected device is not watched
	present bool           // there are devices that people use
	since   time.Duration  // boot time when watching began
	last    time.Duration
	scanned uint64                 // changes of /dev/input at the last report
	again   bool                   // scan although nothing has changed
	added   map[*func(fd int)]bool // told of every device that opens, one for each Watch
}

func newInputWatch(r *root) *inputWatch {
	return &inputWatch{root: r, again: true, devices: map[string]int{}, added: map[*func(int)]bool{}}
}

const inputDir = "/dev/input"

// report reads what is waiting in the devices' queues and says when the last
// event was. plugs counts the changes of /dev/input.
func (w *inputWatch) report(now time.Duration, plugs uint64) report {
	if c := w.root.captured; c != nil {
		return w.capturedReport(c)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look(now, plugs != w.scanned)
	w.scanned = plugs
	switch {
	case !w.present && w.last == 0:
		return report{source: "input"}
	case !w.present: // the last one was unplugged
		return report{source: "input", answer: answered, idle: now - w.last}
	case w.silent != "":
		return report{source: "input", answer: silent, why: w.silent}
	}
	return report{source: "input", answer: answered, proof: true, idle: now - max(w.last, w.since)}
}

// drain empties the devices' queues.
func (w *inputWatch) drain(now time.Duration, plugged bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look(now, plugged)
}

func (w *inputWatch) look(now time.Duration, plugged bool) {
	if plugged || w.again {
		w.again = false
		w.scan(now)
	}
	for name, fd := range w.devices {
		w.take(name, fd, now)
	}
}

// lookAgain is report where no device has come or gone, and returns when the last
// event was. It reports whether all devices answer.
func (w *inputWatch) lookAgain(now time.Duration) (used time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, fd := range w.devices {
		w.take(name, fd, now)
	}
	return w.last, w.silent == "" && !w.again
}

// lastUse is the boot time of the last use that was seen, 0 when none was.
func (w *inputWatch) lastUse() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *inputWatch) capturedReport(c *captured) report {
	names, _ := w.people()
	w.present = len(names) > 0
	switch {
	case !w.present:
		return report{source: "input"}
	case c.InputIdle == nil:
		return report{source: "input", answer: silent, why: "the devices could not be opened when the machine was captured"}
	}
	return report{source: "input", answer: answered, proof: true, idle: time.Duration(*c.InputIdle) * time.Second}
}

// people names the devices that people use.
func (w *inputWatch) people() ([]string, error) {
	all, err := w.root.entries("/sys/class/input")
	var names []string
	for _, name := range all {
		dir := "/sys/class/input/" + name + "/device/"
		if strings.HasPrefix(name, "event") && usedByPeople(w.root.slurp(dir+"capabilities/key"), w.root.slurp(dir+"capabilities/rel"),
			w.root.slurp(dir+"capabilities/abs"), w.root.slurp(dir+"properties")) {
			names = append(names, name)
		}
	}
	return names, err
}

// usedByPeople tells keyboards, mice, touch screens and game pads from power
// buttons, lids, and accelerometers, which move by themselves
// (INPUT_PROP_ACCELEROMETER is bit 6).
func usedByPeople(key, rel, abs, props string) bool {
	if p, err := strconv.ParseUint(props, 16, 64); err == nil && p&(1<<6) != 0 {
		return false
	}
	if !isBitmap(key) || !isBitmap(rel) || !isBitmap(abs) {
		return true // what it is, nobody can tell
	}
	return bitCount(key) >= 10 || nonZero(rel) && bitCount(key) > 0 || nonZero(abs) && bitCount(key) > 0
}

// isBitmap reports whether bitmap is words in hex, at least one.
func isBitmap(bitmap string) bool {
	return bitmap != "" && strings.Trim(bitmap, "0123456789abcdef ") == ""
}

func nonZero(bitmap string) bool { return strings.Trim(bitmap, "0 ") != "" }

// bitCount counts the bits of a capability bitmap, words in hex.
func bitCount(bitmap string) int {
	n := 0
	for _, c := range bitmap {
		if v, err := strconv.ParseUint(string(c), 16, 8); err == nil {
			n += popcount(v)
		}
	}
	return n
}

func popcount(v uint64) (n int) {
	for ; v > 0; v &= v - 1 {
		n++
	}
	return n
}

// scan opens devices that came and closes those that went.
func (w *inputWatch) scan(now time.Duration) {
	if w.since == 0 {
		w.since = now
	}
	names, err := w.people()
	w.present, w.silent = len(names) > 0 || err != nil, ""
	if err != nil {
		w.silent = err.Error()
		w.again = true
		return
	}
	keep := map[string]bool{}
	for _, name := range names {
		keep[name] = true
		w.openDevice(name, now)
	}
	for name, fd := range w.devices {
		if !keep[name] {
			unix.Close(fd)
			delete(w.devices, name)
			w.last = now // somebody unplugged it
		}
	}
}

// evdevClock is EVIOCSCLOCKID: which clock stamps the events.
const evdevClock = 0x400445a0

func (w *inputWatch) openDevice(name string, now time.Duration) {
	if _, ok := w.devices[name]; ok {
		return
	}
	fd, err := w.root.open(inputDir+"/"+name, unix.O_RDONLY)
	if err != nil {
		w.silent = whyNot(inputDir+"/"+name, err)
		return
	}
	_ = unix.IoctlSetPointerInt(fd, evdevClock, unix.CLOCK_BOOTTIME)
	w.devices[name] = fd
	if now > w.since {
		w.last = now // somebody plugged it in, or it was deaf until now
	}
	for f := range w.added {
		(*f)(fd)
	}
}

// take empties one device's queue and notes the time of its last event.
func (w *inputWatch) take(name string, fd int, now time.Duration) {
	var buf [64 * eventSize]byte
	for {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return
		case err != nil || n <= 0:
			unix.Close(fd)
			delete(w.devices, name)
			w.silent = inputDir + "/" + name + " stopped answering"
			w.last = now // it may have been used until now, or another plugged in under its name
			w.again = true
			return
		default:
			w.last = max(w.last, lastEvent(buf[:n], now))
		}
	}
}

// eventSize is the size of struct input_event on this platform.
const eventSize = 8 + 2*strconv.IntSize/8

// lastEvent returns the boot time of the newest of the events in data. Events
// whose time makes no sense happened just now.
func lastEvent(data []byte, now time.Duration) time.Duration {
	var last time.Duration
	for ; len(data) >= eventSize; data = data[eventSize:] {
		at := eventTime(data)
		if at <= 0 || at > now {
			at = now
		}
		last = max(last, at)
	}
	if len(data) > 0 { // not a whole event; cannot be, but was something
		return now
	}
	return last
}

func eventTime(e []byte) time.Duration {
	if strconv.IntSize == 32 {
		return time.Duration(binary.NativeEndian.Uint32(e))*time.Second + time.Duration(binary.NativeEndian.Uint32(e[4:]))*time.Microsecond
	}
	sec, usec := binary.NativeEndian.Uint64(e), binary.NativeEndian.Uint64(e[8:])
	if sec > 1<<32 || usec > 1e6 {
		return -1
	}
	return time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
}

func (w *inputWatch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, fd := range w.devices {
		unix.Close(fd)
		delete(w.devices, name)
	}
}
