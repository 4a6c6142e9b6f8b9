package facts

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// world is a machine whose user, clocks and sources do as they like, and which
// knows when it was truly last used. Its sources are as real as they can be for
// time to pass as quickly as a test wants: device nodes (pipes) and terminals
// (files) in a directory, and agents on their socket. The collector that looks at
// it is the one that lull runs.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	g     *Gatherer
	p     *presenceCollector
	dir   string
	blind string // the source that the collector is kept from seeing
	calm  bool   // nobody has a desktop, and little happens that is told of: most looks ask only what does not tell
	again int    // so many did

	boot  time.Duration // the boot clock: never jumps
	wall  time.Time     // the wall clock: jumps
	slept time.Duration
	truth time.Duration // boot time of the true last use

	devices [2]int // writing ends; -1: unplugged or dead
	dead    [2]bool
	met     [2]bool         // somebody looked since they were plugged in
	open    map[string]bool // terminals, by whether somebody looked since they opened
	agents  [2]*worldAgent
	desktop bool // a session whose input nobody but its desktop sees is idle
	hint    time.Duration
	ssh     map[string]bool // sessions, by whether somebody looked since they began
	began   map[string]time.Duration
	lost    error    // why logind does not answer
	told    uint64   // changes of what it says
	story   []string // what happened: when, which kind of step, to which of two
}

// worldAgent is an agent of session c1 or c2 and the input that only it sees.
type worldAgent struct {
	w       *world
	session string
	last    time.Duration // negative: never
	conn    net.Conn
}

func newWorld(t testing.TB, seed uint64, blind string) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "world") // socket paths are short
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), dir: dir, blind: blind, calm: seed%2 == 1, boot: 2 * time.Minute, wall: time.Unix(1700000000, 0),
		open: map[string]bool{}, ssh: map[string]bool{}, began: map[string]time.Duration{}, devices: [2]int{-1, -1}}
	w.slept = time.Duration(w.rng.IntN(2)) * time.Hour
	for _, d := range []string{"dev/input", "dev/pts", "sys/class/input", "run/systemd/seats"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := &root{dir: dir, below: true, container: func() bool { return false }, virtual: func() bool { return false }}
	o := &Options{AgentSocket: filepath.Join(dir, "s"), Deadline: 20 * time.Second,
		Now: func() time.Time { return w.wall }, boot: func() time.Duration { return w.boot }}
	o.setDefaults()
	sleep := func(instant) time.Duration { return w.slept }
	if blind == "resume" {
		sleep = func(instant) time.Duration { return 0 }
	}
	changes := &changes{root: r}
	devices := newUevents(changes)
	w.p = newPresence(r, nil, &resumeWatch{sleep: sleep}, changes, devices, o)
	devices.source.open = func() (int, error) { return unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC) } // none ever comes
	w.p.nodes.switches = &changeSource{events: unix.EPOLLIN, open: func() (int, error) { w.p.nodes.front = "/dev/tty1"; return devices.source.open() }}
	w.p.bus = w
	w.p.agents.now = func() time.Duration { return w.boot }
	w.p.sources = slices.DeleteFunc(slices.Clone(presenceSources), func(s presenceSource) bool { return s.name == blind })
	for i, s := range w.p.sources {
		if s.last != nil {
			w.p.sources[i].last = func(p *presenceCollector, now instant) (time.Duration, bool) {
				w.again++
				if used, ok := s.last(p, now); blind != s.name+" again" {
					return used, ok
				}
				return 0, true
			}
		}
	}
	w.g = newGatherer(*o, []collector{w.p, worldStamp{w}})
	if w.blind != "input" || w.rng.IntN(2) == 0 {
		w.plugIn(0)
	}
	w.typeAt("tty1")
	w.truth = 0 // its file is not a use
	w.atime("tty1", w.wall.Add(-w.boot-time.Minute/2))
	for i, s := range []string{"c1", "c2"} {
		w.agents[i] = &worldAgent{w: w, session: s, last: -1}
	}
	if !w.calm {
		w.agents[0].start()
		w.agents[1].start()
	}
	return w
}

func (w *world) close() {
	for _, a := range w.agents {
		a.stop()
	}
	for i := range w.devices {
		w.silence(i)
	}
	_ = w.g.Close()
	w.p.changes.close()
	os.RemoveAll(w.dir)
}

// use is a true use of the machine.
func (w *world) use() { w.truth = w.boot }

// step lets time pass and one thing happen.
func (w *world) step() {
	d := time.Duration(1+w.rng.Int64N(20_000)) * time.Millisecond
	slept := 9 * time.Hour
	n, kind := w.rng.IntN(2), w.rng.IntN(22)
	switch {
	case w.calm && w.rng.IntN(8) > 0: // a use, or nothing
		d, slept = d/10, time.Second
		kind = []int{0, 1, 2, 3, 4, 7, 8, 5}[w.rng.IntN(8)]
	case w.rng.IntN(2) == 0:
		d *= 60
	}
	w.boot, w.wall = w.boot+d, w.wall.Add(d)
	for _, a := range w.agents { // outages of an agent are short, or idle would hardly ever be known
		if !w.calm && a.conn == nil && w.rng.IntN(3) == 0 {
			a.start()
		}
	}
	w.told += uint64(one(kind >= 11 && kind <= 15 || kind == 18 || kind == 19))
	w.story = append(w.story, fmt.Sprintf("%v %d/%d", w.boot, kind, n))
	switch kind {
	case 0, 1:
		w.touch(n)
	case 2, 3:
		w.typeAt(fmt.Sprintf("pts/%d", w.rng.IntN(4)))
	case 4:
		w.typeAt("tty1")
	case 5, 6:
		if !w.calm {
			w.agents[n].last = w.boot
			w.use()
		}
	case 7:
		w.wall = w.wall.Add(time.Duration(w.rng.Int64N(int64(48*time.Hour))) - 24*time.Hour).Truncate(time.Millisecond) // somebody sets the clock
	case 8:
		w.boot, w.wall, w.slept = w.boot+slept, w.wall.Add(slept), w.slept+slept
		w.use() // somebody woke it
	case 9:
		w.agents[n].stop()
	case 10:
		w.hangUp(fmt.Sprintf("pts/%d", w.rng.IntN(4)))
	case 11:
		w.desktop = true
	case 12, 13:
		if w.desktop { // input that only the desktop's hint tells of
			w.desktop = false
			w.use()
			if w.lost == nil {
				w.hint = w.boot
			}
			w.desktop = w.rng.IntN(2) == 0 // it may be idle again before the next look
		}
	case 14:
		w.logInOrOut()
	case 15:
		if w.lost == nil {
			w.lost = []error{errors.New("time-out"), newAbsentError(logindName)}[w.rng.IntN(2)]
		}
	case 18, 19:
		w.lost = nil
	case 16:
		if w.devices[n] < 0 {
			w.plugIn(n)
		} else if w.met[n] { // as with terminals, the watch on /dev/input makes a look at once
			w.unplug(n)
		}
	case 17:
		if w.devices[n] >= 0 {
			w.die(n)
		}
	case 20, 21:
		if w.dead[n] {
			w.revive(n)
		}
	}
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

func (w *world) plugIn(i int) {
	if w.dead[i] {
		return
	}
	name := "event" + strconv.Itoa(i)
	caps := w.path("sys/class/input", name, "device/capabilities")
	w.must(os.MkdirAll(caps, 0o755))
	w.must(os.WriteFile(filepath.Join(caps, "key"), []byte("402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe"), 0o644))
	w.must(unix.Mkfifo(w.path("dev/input", name), 0o644))
	w.revive(i)
	w.met[i] = false
	w.use()
}

func (w *world) revive(i int) {
	fd, err := unix.Open(w.path("dev/input", "event"+strconv.Itoa(i)), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	w.must(err)
	w.devices[i], w.dead[i] = fd, false
}

func (w *world) silence(i int) {
	if w.devices[i] >= 0 {
		unix.Close(w.devices[i])
		w.devices[i] = -1
	}
}

// die leaves the node of a device that no longer answers.
func (w *world) die(i int) {
	w.silence(i)
	w.dead[i] = true
}

func (w *world) unplug(i int) {
	name := "event" + strconv.Itoa(i)
	w.must(os.RemoveAll(w.path("sys/class/input", name)))
	w.must(os.Remove(w.path("dev/input", name)))
	w.silence(i)
	w.use()
}

// touch is a key pressed on a device; nobody reads more than its time.
func (w *world) touch(i int) {
	if w.devices[i] < 0 {
		return
	}
	e := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(e, uint64(w.boot/time.Second))
	binary.NativeEndian.PutUint64(e[8:], uint64(w.boot%time.Second/time.Microsecond))
	_, err := unix.Write(w.devices[i], e)
	if err == unix.EAGAIN { // the queue is full, as a device's may be
		err = nil
	}
	w.must(err)
	w.use()
}

// typeAt is input on a terminal, which opens it if need be; the kernel moves the
// access time only when eight seconds have passed since the last move.
func (w *world) typeAt(name string) {
	w.use()
	file := w.path("dev", name)
	if _, ok := w.open[name]; !ok {
		w.must(os.WriteFile(file, nil, 0o644))
		w.open[name] = false
	} else {
		var st unix.Stat_t
		w.must(unix.Stat(file, &st))
		if st.Atim.Sec&^7 == w.wall.Unix()&^7 {
			return
		}
	}
	w.atime(name, w.wall)
}

func (w *world) atime(name string, at time.Time) { w.must(os.Chtimes(w.path("dev", name), at, at)) }

// hangUp closes a terminal. One that opens and closes between two looks is seen
// by nobody but the watch on /dev/pts, which makes a look at once; so only
// terminals that were looked at are closed here.
func (w *world) hangUp(name string) {
	if !w.open[name] {
		return
	}
	w.use()
	if w.blind != "hang-up" {
		w.must(os.Remove(w.path("dev", name)))
		delete(w.open, name)
	}
}

// logInOrOut ends a session from elsewhere that was looked at, or begins one:
// names are never used twice.
func (w *world) logInOrOut() {
	for id, looked := range w.ssh {
		if looked {
			delete(w.ssh, id)
			return
		}
	}
	id := strconv.Itoa(len(w.story))
	w.ssh[id], w.began[id] = false, w.boot
	w.use()
}

// logind, version, hintTakenBack and watch make a session manager of the world.
func (w *world) logind(context.Context) (*logindState, error) {
	if w.lost != nil {
		return nil, w.lost
	}
	l := new(logindState)
	if !w.calm {
		l = desktops("c1", "c2")
	}
	idle := w.desktop && w.blind != "hints"
	l.Sessions = append(l.Sessions, session{ID: "d", UID: 4711, Class: "user", Kind: "tty", State: "active", Seat: "seat0", Idle: idle})
	for id := range w.ssh {
		w.ssh[id] = true
		if w.blind != "sessions" {
			l.Sessions = append(l.Sessions, session{ID: id, UID: 4712, Class: "user", Kind: "tty", State: "active", Remote: true, began: w.began[id]})
		}
	}
	return l, nil
}

func (w *world) version(time.Time) uint64 { return 1 + w.told }

func (w *world) hintTakenBack() time.Duration {
	if w.blind == "hints" {
		return 0
	}
	return w.hint
}

func (*world) watch(context.Context, string, func()) {}

// worldStamp tells whether anything has happened, as sharedCloser does.
type worldStamp struct{ w *world }

func (worldStamp) facts() []fact                   { return nil }
func (worldStamp) collect(context.Context, *batch) {}
func (worldStamp) close() error                    { return nil }
func (s worldStamp) stamp(now instant) uint64 {
	return s.w.version(now.awake) + s.w.p.changes.lookAt(now.boot)
}

var idleOnly = Set{"presence.idle_seconds": true}

// start has the agent connect and answer until stop.
func (a *worldAgent) start() {
	a.w.t.Helper()
	s := a.w.p.agents
	s.start()
	conn, err := net.Dial("unix", s.path)
	a.w.must(err)
	a.conn = conn
	before := s.count()
	a.w.must(json.NewEncoder(conn).Encode(AgentMessage{Session: a.session, Returned: true}))
	for s.count() == before {
		time.Sleep(50 * time.Microsecond)
	}
	go func() {
		for in := bufio.NewScanner(conn); in.Scan(); {
			var n uint64
			_, _ = fmt.Sscanf(in.Text(), "ask %d", &n)
			idle := a.w.boot - a.last
			if a.last < 0 || a.w.blind == "agent "+a.session {
				idle = 1e9 * time.Second // nothing since it began
			}
			_ = json.NewEncoder(conn).Encode(AgentMessage{Answers: n, IdleSeconds: idle.Seconds()})
		}
	}()
}

func (a *worldAgent) stop() {
	if a.conn == nil {
		return
	}
	before := a.w.p.agents.count()
	a.conn.Close()
	a.conn = nil
	for a.w.p.agents.count() == before {
		time.Sleep(50 * time.Microsecond)
	}
}

// look looks as lull does, and returns by how much the idle time is overstated.
func (w *world) look() (over time.Duration, known bool) {
	idle := w.g.Snapshot(context.Background(), idleOnly, Target{}).Get("presence.idle_seconds")
	for name := range w.open {
		w.open[name] = true
	}
	for i := range w.met {
		w.met[i] = w.met[i] || w.devices[i] >= 0
	}
	seconds, known := idle.V.(int64)
	return time.Duration(seconds)*time.Second - (w.boot - w.truth), known
}

// overstated plays histories until the machine is said to be idle for longer than
// it truly was, and tells how. It counts the looks at which idle was known, and what
// was asked for its last use alone.
func overstated(t testing.TB, histories int, blind string) (how string, known, again int) {
	t.Helper()
	for seed := range uint64(histories) {
		w := newWorld(t, seed, blind)
		for i := range 200 {
			if i > 0 {
				w.step()
			}
			if !w.calm && w.rng.IntN(3) > 0 {
				continue
			}
			over, ok := w.look()
			known += int(one(ok))
			if ok && over > 0 {
				w.close()
				return fmt.Sprintf("history %d, step %d: idle is overstated by %v; truth %v; %v", seed, i, over, w.truth, w.story[max(0, len(w.story)-8):]), known, again
			}
		}
		again += w.again
		w.close()
	}
	return "", known, again
}

func TestIdleIsNeverLongerThanTheTrueTimeSinceTheLastInput(t *testing.T) {
	histories := 40
	if testing.Short() {
		histories = 10
	}
	how, known, again := overstated(t, histories, "")
	if how != "" {
		t.Error(how)
	}
	if known < 15*histories || again < 15*histories {
		t.Errorf("idle was known at %d looks of %d histories, and sources were asked for their last use alone %d times: too few to prove anything", known, histories, again)
	}
	t.Logf("idle was known at %d looks of %d histories; sources were asked for their last use alone %d times", known, histories, again)
}

// Each source, taken away from the collector, is missed by the histories.
func TestIgnoringAnySourceIsNoticedByTheHistories(t *testing.T) {
	for _, blind := range []string{"input", "terminals", "logind", "sessions", "hints", "agents", "agent c1", "agent c2", "boot", "resume", "hang-up", "terminals again", "boot again", "input again"} {
		how, known, _ := overstated(t, 40, blind)
		if how == "" {
			t.Errorf("without %s idle was never overstated (%d looks): the histories prove nothing about it", blind, known)
		} else {
			t.Logf("without %s: %s", blind, how)
		}
	}
}

// While nothing happens that is told of, only what does not tell is asked. What
// others than the kernel and the bus tell of ends that.
func TestALookAtWhatDoesNotTellAloneIsGivenUpWhenSomebodyTells(t *testing.T) {
	w := newWorld(t, 1, "")
	t.Cleanup(w.close)
	look := func(what string, again, known bool) {
		t.Helper()
		w.boot, w.wall = w.boot+time.Second, w.wall.Add(time.Second)
		before := w.again
		over, ok := w.look()
		if ok != known || ok && over > 0 {
			t.Errorf("%s: idle is known: %v, overstated by %v; want %v and nothing", what, ok, over, known)
		}
		if got := w.again > before; got != again {
			t.Errorf("%s: only what does not tell was asked: %v, want %v", what, got, again)
		}
	}
	settle := func() {
		t.Helper()
		for range 3 {
			w.boot, w.wall = w.boot+time.Second, w.wall.Add(time.Second)
			w.look()
		}
		look("nothing happened", true, true)
	}
	settle()
	w.agents[0].start()
	w.agents[0].last = w.boot
	w.use()
	look("an agent comes", false, true)
	look("there is an agent", false, true)
	w.agents[0].stop()
	w.touch(0) // with its session went what it saw
	settle()
	var watch bool
	w.p.troubles.set(&watch, "planted")
	look("a watch does not work", false, false)
	w.p.troubles.set(&watch, "")
	settle()
	w.p.input.mu.Lock()
	w.p.input.silent = "planted" // as a watch finds out
	w.p.input.mu.Unlock()
	look("a device cannot be opened", true, false)
}
