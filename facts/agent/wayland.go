package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// wayland listens to the compositor's ext_idle_notifier_v1: it is told when a
// seat has been without input for as long as counts as away, and when input is
// back. Until then the seat counts as in use. Every answer begins with a round
// trip, so that a compositor that hangs is not believed.
//
// Version 2 tells of input alone. Version 1 is silent while something inhibits
// idling: neither idled nor resumed comes. So with version 1 a seat counts as
// idle only if a second notification, without a time-out, is sent at once,
// which an inhibitor would prevent; otherwise it counts as in use.
type wayland struct {
	conn     net.Conn
	away     time.Duration
	announce func()
	gone     chan struct{}
	asked    chan struct{} // holds one while a question is unanswered

	mu       sync.Mutex
	ids      []uint32          // free for use again
	last     uint32            // highest id ever used
	globals  map[uint32]string // by name: wl_seat, ext_idle_notifier_v1
	seats    map[uint32]uint32 // name to object
	notifier uint32            // object, 0 = none
	version  uint32            // of the notifier
	notes    map[uint32]*note  // by object
	syncs    map[uint32]chan struct{}
	left     time.Time // when a seat was last taken away, which somebody did
}

// note is one idle notification.
type note struct {
	seat  uint32        // name of its seat
	idled time.Time     // when the seat became idle; zero = in use
	probe chan struct{} // closed by idled, of a notification that only tries for inhibitors
}

// Objects, requests and events of the protocol.
const (
	wlDisplay, wlRegistry = 1, 2

	displaySync, displayGetRegistry = 0, 1
	displayError, displayDeleteID   = 0, 1
	registryBind                    = 0
	registryGlobal, registryRemove  = 0, 1
	notifierIdle, notifierInput     = 1, 2
	noteDestroy                     = 0
	noteIdled, noteResumed          = 0, 1

	seatInterface, notifierInterface = "wl_seat", "ext_idle_notifier_v1"
)

// probeWithin is how long version 1 has to show that nothing inhibits.
const probeWithin = 30 * time.Millisecond

func openWayland(ctx context.Context, o *Options, announce func()) (source, error) {
	if o.Wayland == "" {
		return nil, errAbsent
	}
	path := o.Wayland
	if !filepath.IsAbs(path) {
		path = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), path)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("the Wayland compositor: %w", err)
	}
	w := newWayland(conn, o.Away, announce)
	go w.follow()
	w.mu.Lock()
	w.send(wlDisplay, displayGetRegistry, uint32(wlRegistry))
	w.mu.Unlock()
	for range 2 { // the globals, then what they were bound to
		if err := w.roundTrip(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("the Wayland compositor: %w", err)
		}
	}
	return w, nil
}

func newWayland(conn net.Conn, away time.Duration, announce func()) *wayland {
	return &wayland{conn: conn, away: away, announce: announce, gone: make(chan struct{}), asked: make(chan struct{}, 1), last: wlRegistry,
		globals: map[uint32]string{}, seats: map[uint32]uint32{}, notes: map[uint32]*note{}, syncs: map[uint32]chan struct{}{}}
}

func (*wayland) name() string            { return "Wayland" }
func (*wayland) partial() bool           { return false }
func (w *wayland) lost() <-chan struct{} { return w.gone }
func (w *wayland) close()                { w.conn.Close() }

func (w *wayland) idle(ctx context.Context) (time.Duration, error) {
	select {
	case w.asked <- struct{}{}:
		defer func() { <-w.asked }()
	default:
		return 0, errors.New("the compositor does not answer")
	}
	if err := w.roundTrip(ctx); err != nil {
		return 0, err
	}
	w.mu.Lock()
	idle, known := w.leastIdle()
	inhibitable := known && idle > 0 && w.version < 2
	w.mu.Unlock()
	switch {
	case !known:
		return 0, errAbsent
	case inhibitable && !w.uninhibited(ctx):
		return 0, nil
	}
	return idle, nil
}

// leastIdle is over all seats; unknown without a notifier or a seat.
func (w *wayland) leastIdle() (least time.Duration, known bool) {
	for _, n := range w.notes {
		if n.probe != nil {
			continue
		}
		idle := time.Duration(0)
		if !n.idled.IsZero() {
			idle = w.away + time.Since(n.idled)
		}
		if !known || idle < least {
			least, known = idle, true
		}
	}
	if !w.left.IsZero() {
		least = min(least, time.Since(w.left))
	}
	return least, known
}

// uninhibited tries every seat for inhibitors.
func (w *wayland) uninhibited(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	probes := map[uint32]chan struct{}{}
	w.mu.Lock()
	for seat := range w.seats {
		fired := make(chan struct{})
		probes[w.notify(seat, 0, fired)] = fired
	}
	w.mu.Unlock()
	free := true
	for _, fired := range probes {
		select {
		case <-fired:
		case <-ctx.Done():
			free = false
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range probes {
		delete(w.notes, id)
		w.send(id, noteDestroy)
	}
	return free
}

// roundTrip waits until the compositor has handled all requests.
func (w *wayland) roundTrip(ctx context.Context) error {
	done := make(chan struct{})
	w.mu.Lock()
	id := w.id()
	w.syncs[id] = done
	w.send(wlDisplay, displaySync, id)
	w.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-w.gone:
		return errors.New("the compositor is gone")
	case <-ctx.Done():
		return errors.New("the compositor does not answer")
	}
}

// The methods below are called with mu held.

// id takes the lowest number that is free, as the protocol demands.
func (w *wayland) id() uint32 {
	if n := len(w.ids); n > 0 {
		id := w.ids[n-1]
		w.ids = w.ids[:n-1]
		return id
	}
	w.last++
	return w.last
}

// send writes a request; where that fails the connection is at its end.
func (w *wayland) send(object uint32, opcode uint16, args ...any) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := w.conn.Write(wlRequest(object, opcode, args...)); err != nil {
		w.conn.Close()
	}
}

func (w *wayland) bind(name uint32, iface string, version uint32) uint32 {
	id := w.id()
	w.send(wlRegistry, registryBind, name, iface, version, id)
	return id
}

// notify asks for a notification of a seat.
func (w *wayland) notify(seat uint32, after time.Duration, probe chan struct{}) uint32 {
	id, opcode := w.id(), uint16(notifierIdle)
	if w.version >= 2 {
		opcode = notifierInput
	}
	w.notes[id] = &note{seat: seat, probe: probe}
	w.send(w.notifier, opcode, id, uint32(after.Milliseconds()), w.seats[seat])
	return id
}
