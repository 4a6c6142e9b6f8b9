package facts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// bus keeps what services on the system bus said. It subscribes to their
// signals and asks again only when one comes; a lost bus or service is unknown
// at once. A service that answers a ping late is unknown too, so that one that
// hangs is not believed for ever.
type bus struct {
	root     *root
	addr     string // "-" = none
	deadline time.Duration
	log      *slog.Logger

	mu        sync.Mutex
	conn      *dbus.Conn
	tried     time.Time // last attempt to connect
	why       error     // why there is no connection
	services  map[string]*service
	listeners map[int]func(service string)
	serial    int
	hint      time.Duration // boot time when a session's idle hint was last taken back
	done      sync.WaitGroup
}

// service is one peer on the bus and what it said.
type service struct {
	name    string
	fetch   func(ctx context.Context, conn *dbus.Conn) (any, error)
	signals []dbus.MatchOption // those that may change what it said; nil = all

	state   any
	err     error
	valid   bool      // state and err are current
	alive   bool      // has an owner
	checked time.Time // last answer; not on the boot clock, which costs a system call
}

const (
	logindName   = "org.freedesktop.login1"
	managerName  = "org.freedesktop.NetworkManager"
	managerPath  = "/org/freedesktop/NetworkManager"
	profilesName = "net.hadess.PowerProfiles"
	busDriver    = "org.freedesktop.DBus"
	propsIface   = "org.freedesktop.DBus.Properties."
	propsGetAll  = propsIface + "GetAll"
)

func newBus(r *root, o *Options) *bus {
	b := &bus{root: r, addr: o.SystemBus, deadline: o.Deadline, log: o.Logger, listeners: map[int]func(string){}}
	if b.addr == "" {
		b.addr = systemBusAddress()
	}
	b.services = map[string]*service{
		logindName: {name: logindName, fetch: fetchLogind},
		// its other objects tell of every change of a radio's strength
		managerName:  {name: managerName, fetch: fetchManager, signals: []dbus.MatchOption{dbus.WithMatchObjectPath(managerPath)}},
		profilesName: {name: profilesName, fetch: fetchProfile},
	}
	return b
}

func systemBusAddress() string {
	if addr := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); addr != "" {
		return addr
	}
	return "unix:path=/run/dbus/system_bus_socket"
}

// errNoBus means that no bus is to be expected.
var errNoBus = errors.New("there is no system bus")

// get returns what a service says.
func (b *bus) get(ctx context.Context, name string) (any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	s := b.services[name]
	if !s.valid {
		b.refresh(ctx, s)
	} else if s.alive && time.Since(s.checked) > time.Second {
		b.ping(ctx, s)
	}
	return s.state, s.err
}

// connect dials the bus unless it is connected; after a failure it waits a
// second before the next attempt.
func (b *bus) connect(ctx context.Context) error {
	if b.addr == "-" {
		return errNoBus
	}
	if b.conn != nil && b.conn.Connected() {
		return nil
	}
	if b.why != nil && time.Since(b.tried) < time.Second {
		return b.why
	}
	b.tried = time.Now()
	conn, err := within(b.deadline*5, func() (*dbus.Conn, error) { return dial(b.addr) })
	if err != nil {
		b.why = fmt.Errorf("the system bus does not answer: %w", err)
		if errors.Is(err, os.ErrNotExist) {
			b.why = errNoBus
		}
		return b.why
	}
	b.adopt(conn)
	return nil
}

func dial(addr string) (*dbus.Conn, error) {
	conn, err := dbus.Dial(addr)
	if err != nil {
		return nil, err
	}
	if err := conn.Auth(nil); err != nil {
		conn.Close()
		return nil, err
	}
	if err := conn.Hello(); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// adopt takes a fresh connection into use: subscribes, and forgets all state.
func (b *bus) adopt(conn *dbus.Conn) {
	b.conn, b.why = conn, nil
	for _, s := range b.services {
		s.valid, s.alive, s.err = false, false, nil
		_ = conn.AddMatchSignal(append(s.signals, dbus.WithMatchSender(s.name))...)
		_ = conn.AddMatchSignal(dbus.WithMatchSender(busDriver), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, s.name))
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	b.done.Go(func() { b.follow(conn, signals) })
}

// follow marks services as changed until the connection ends.
func (b *bus) follow(conn *dbus.Conn, signals <-chan *dbus.Signal) {
	for sig := range signals {
		b.changed(sig)
	}
	b.lost(conn)
}

func (b *bus) changed(sig *dbus.Signal) {
	if sig.Name == busDriver+".NameOwnerChanged" && len(sig.Body) == 3 {
		name, _ := sig.Body[0].(string)
		b.invalidate(name)
		return
	}
	if takesBackIdle(sig) {
		b.mu.Lock()
		b.hint = sinceBoot()
		b.mu.Unlock()
	}
	if name := b.serviceOf(sig); name != "" {
		b.invalidate(name)
	}
}

// takesBackIdle reports whether a signal says that a session, or the machine,
// is idle no more.
func takesBackIdle(sig *dbus.Signal) bool {
	if sig.Name != propsIface+"PropertiesChanged" || len(sig.Body) < 2 {
		return false
	}
	changed, _ := sig.Body[1].(map[string]dbus.Variant)
	idle, ok := changed["IdleHint"].Value().(bool)
	return ok && !idle
}

func (b *bus) hintTakenBack() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hint
}

// serviceOf tells by its object path and its interface which service's state a
// signal may have changed; "" for none.
func (b *bus) serviceOf(sig *dbus.Signal) string {
	name := ""
	switch path := string(sig.Path); {
	case hasPrefix(path, "/org/freedesktop/login1"):
		name = logindName
	case path == managerPath:
		name = managerName
	case hasPrefix(path, "/net/hadess/PowerProfiles"):
		name = profilesName
	}
	if hasPrefix(sig.Name, propsIface) || hasPrefix(sig.Name, name+".") {
		return name
	}
	return ""
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

// invalidate makes the next get ask again, and tells the listeners.
func (b *bus) invalidate(name string) {
	b.mu.Lock()
	if s := b.services[name]; s != nil {
		s.valid = false
	}
	listeners := make([]func(string), 0, len(b.listeners))
	for _, l := range b.listeners {
		listeners = append(listeners, l)
	}
	b.mu.Unlock()
	for _, l := range listeners {
		l(name)
	}
}

// lost forgets the connection and tells everybody.
func (b *bus) lost(conn *dbus.Conn) {
	b.mu.Lock()
	if b.conn == conn {
		b.conn = nil
	}
	b.mu.Unlock()
	for name := range b.services {
		b.invalidate(name)
	}
}

// refresh asks a service for everything, if it is there at all: it is never
// started for this.
func (b *bus) refresh(ctx context.Context, s *service) {
	ctx, cancel := context.WithTimeout(ctx, 5*b.deadline)
	defer cancel()
	s.valid, s.checked, s.state = true, time.Now(), nil
	err := b.conn.BusObject().CallWithContext(ctx, busDriver+".NameHasOwner", 0, s.name).Store(&s.alive)
	switch {
	case err != nil:
		s.err, s.valid = fmt.Errorf("the system bus does not answer: %w", err), false
	case !s.alive:
		s.err = newAbsentError(s.name)
	default:
		s.state, s.err = s.fetch(ctx, b.conn)
		s.valid = s.err == nil
		if s.err != nil {
			s.err = fmt.Errorf("%s does not answer: %w", s.name, s.err)
		}
	}
}

// ping makes sure that a service still answers.
func (b *bus) ping(ctx context.Context, s *service) {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	call := b.conn.Object(s.name, "/").CallWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", dbus.FlagNoAutoStart)
	var refused dbus.Error
	if call.Err == nil || errors.As(call.Err, &refused) && refused.Name != "org.freedesktop.DBus.Error.NoReply" {
		s.checked = time.Now()
		return
	}
	s.valid, s.state = false, nil
	s.err = fmt.Errorf("%s does not answer: %w", s.name, call.Err)
}

// absentError means that a service is not there, as opposed to not answering.
type absentError struct{ text string }

func newAbsentError(name string) *absentError {
	return &absentError{name + " is not on the system bus"}
}

func (e *absentError) Error() string { return e.text }

// absent reports whether err means that there is no such service here.
func absent(err error) bool {
	_, ok := err.(*absentError) // never wrapped, and asked at every snapshot
	return ok || errors.Is(err, errNoBus)
}

// listen calls f with the name of each service that may have changed, until
// the returned function is called.
func (b *bus) listen(f func(service string)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serial++
	id := b.serial
	b.listeners[id] = f
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, id)
	}
}

// watch wakes for one service's changes until ctx ends. After the bus was lost
// it tries to reach it again, ever more rarely up to once a minute.
func (b *bus) watch(ctx context.Context, name string, wake func()) {
	kick := make(chan struct{}, 1)
	stop := b.listen(func(changed string) {
		if changed == name {
			wake()
			select {
			case kick <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	_, err := b.get(ctx, name)
	for {
		if b.connected() || err != nil && absent(err) {
			select {
			case <-ctx.Done():
				return
			case <-kick:
			}
		}
		err = b.recover(ctx, name, wake)
		if ctx.Err() != nil {
			return
		}
	}
}

// recover waits until a lost bus is back, and wakes then.
func (b *bus) recover(ctx context.Context, name string, wake func()) error {
	for pause := time.Second; !b.connected(); pause = min(2*pause, time.Minute) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if _, err := b.get(ctx, name); err == nil {
			wake()
		}
	}
	return nil
}

func (b *bus) connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conn != nil && b.conn.Connected()
}

func (b *bus) close() error {
	b.mu.Lock()
	conn := b.conn
	b.conn = nil
	b.mu.Unlock()
	if conn == nil {
		return nil
	}
	err := conn.Close()
	b.done.Wait()
	return err
}
