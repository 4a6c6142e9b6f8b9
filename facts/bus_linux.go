package facts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// bus keeps what services on the system bus said. It subscribes to their
// signals and asks again only when one comes; a lost bus or service is unknown
// at once. A service that answers a ping late is unknown too, so that one that
// hangs is not believed for ever; and as services forget to tell (systemd
// #13596), what one said is asked again when it is a minute old and looked at.
type bus struct {
	root     *root
	addr     string // "-" = none
	deadline time.Duration
	log      *slog.Logger

	asked struct { // answered last; for the one goroutine that takes snapshots
		at      time.Time
		version uint64
	}

	mu        sync.Mutex
	changes   uint64 // of anything that is said here; begins at 1
	conn      *dbus.Conn
	tried     time.Time // last attempt to connect
	why       error     // why there is no connection
	hung      time.Time // when the bus itself last did not answer; zero: it does
	services  map[string]*service
	inOrder   []*service // the same, to go through
	listeners map[int]func(service string)
	serial    int
	hint      time.Duration // boot time when a session's idle hint was last taken back
	done      sync.WaitGroup
}

// service is one peer on the bus and what it said.
type service struct {
	name  string
	fetch func(ctx context.Context, conn *dbus.Conn) (any, error)
	path  dbus.MatchOption // the objects whose signals may change what it said

	state   any
	err     error
	asked   bool      // somebody wants to know
	valid   bool      // state and err are current
	alive   bool      // has an owner
	checked time.Time // last answer; not on the boot clock, which costs a system call
	fetched time.Time // when state was asked for
	failed  time.Time // when it last did not answer; zero: it answers, or changed since
}

// trouble is why a service that should answer does not, nil when it does or is
// known not to be there.
func (s *service) trouble() error {
	if s.err == nil || absent(s.err) {
		return nil
	}
	return s.err
}

const (
	logindName   = "org.freedesktop.login1"
	managerName  = "org.freedesktop.NetworkManager"
	managerPath  = "/org/freedesktop/NetworkManager"
	profilesName = "net.hadess.PowerProfiles"
	upowerName   = "org.freedesktop.UPower"
	upowerPath   = "/org/freedesktop/UPower"
	busDriver    = "org.freedesktop.DBus"
	propsIface   = "org.freedesktop.DBus.Properties."
	propsGetAll  = propsIface + "GetAll"
)

func newBus(r *root, o *Options) *bus {
	b := &bus{root: r, addr: o.SystemBus, deadline: o.Deadline, log: o.Logger, changes: 1, listeners: map[int]func(string){}}
	if b.addr == "" {
		b.addr = systemBusAddress(r)
	}
	b.services = map[string]*service{
		logindName:   {name: logindName, fetch: fetchLogind, path: dbus.WithMatchPathNamespace("/org/freedesktop/login1")},
		managerName:  {name: managerName, fetch: fetchManager, path: dbus.WithMatchObjectPath(managerPath)}, // its others tell of every change of a radio's strength
		profilesName: {name: profilesName, fetch: fetchProfile, path: dbus.WithMatchObjectPath("/net/hadess/PowerProfiles")},
		upowerName:   {name: upowerName, fetch: new(upower).fetch, path: dbus.WithMatchObjectPath(upowerPath)}, // its others tell of every step of a battery
	}
	for _, name := range sortedKeys(b.services) {
		b.inOrder = append(b.inOrder, b.services[name])
	}
	return b
}

func systemBusAddress(r *root) string {
	if addr := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); addr != "" && !r.below {
		return addr
	}
	return "unix:path=" + r.at("/run/dbus/system_bus_socket")
}

// errNoBus means that no bus is to be expected.
var errNoBus = errors.New("there is no system bus")

// patience is how long what did not answer is not asked again, so that each look
// does not wait for it.
const patience = time.Second

// get returns what a service says. When it finds that the service no longer
// answers it tells the listeners.
func (b *bus) get(ctx context.Context, name string) (any, error) {
	b.mu.Lock()
	s := b.services[name]
	well := s.trouble() == nil
	state, err := b.ask(ctx, s)
	fell := well && b.conn != nil && s.trouble() != nil
	b.mu.Unlock()
	if fell {
		b.tell(name)
	}
	return state, err
}

// version stands for what all services say that were asked. It is 0 when one of
// them, or the bus, has to be asked again.
func (b *bus) version(now time.Time) uint64 {
	if now.Equal(b.asked.at) {
		return b.asked.version
	}
	b.asked.at, b.asked.version = now, b.versionNow(now)
	return b.asked.version
}

func (b *bus) versionNow(now time.Time) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case now.IsZero(): // nobody knows how late it is
		return 0
	case b.addr == "-" || b.root.captured != nil:
		return b.changes
	case b.conn == nil || !b.conn.Connected():
		if b.why == nil || now.Sub(b.tried) >= patience {
			return 0
		}
		return b.changes
	}
	for _, s := range b.inOrder {
		if s.asked && s.due(now) {
			return 0
		}
	}
	return b.changes
}

// due reports whether the service has to be asked again, for everything or
// whether it still answers.
func (s *service) due(now time.Time) bool {
	if s.valid {
		return s.alive && (now.Sub(s.checked) > patience || now.Sub(s.fetched) > lookAgain)
	}
	return now.Sub(s.failed) >= patience
}

func (b *bus) ask(ctx context.Context, s *service) (any, error) {
	s.asked = true
	if err := b.connect(ctx); err != nil {
		return nil, err
	}
	switch now := time.Now(); {
	case !s.due(now):
	case s.valid && now.Sub(s.fetched) <= lookAgain:
		b.ping(ctx, s)
	default:
		b.refresh(ctx, s)
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
	if b.why != nil && time.Since(b.tried) < patience {
		return b.why
	}
	b.changes++
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
	return b.why
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
	b.conn, b.why, b.hung = conn, nil, time.Time{}
	ctx, cancel := context.WithTimeout(context.Background(), 5*b.deadline)
	defer cancel()
	for _, s := range b.services {
		s.valid, s.alive, s.err, s.failed = false, false, nil, time.Time{}
		err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(s.name), s.path)
		if err == nil {
			err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busDriver), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, s.name))
		}
		if err != nil { // its changes would not be told: begin anew
			conn.Close()
			b.conn, b.why = nil, fmt.Errorf("the system bus does not answer: %w", err)
			return
		}
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
		if name == logindName {
			b.deaf()
		}
		b.invalidate(name)
		return
	}
	if takesBackIdle(sig) {
		b.deaf()
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

// deaf notes that an idle hint was taken back just now, or may have been: while
// logind or the bus was away nobody could tell.
func (b *bus) deaf() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	b.hint = sinceBoot()
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
	case hasPrefix(path, upowerPath):
		name = upowerName
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
	b.changes++
	if s := b.services[name]; s != nil {
		s.valid, s.failed = false, time.Time{}
	}
	b.mu.Unlock()
	b.tell(name)
}

// tell calls the listeners.
func (b *bus) tell(name string) {
	b.mu.Lock()
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
	b.deaf()
	for name := range b.services {
		b.invalidate(name)
	}
}

// refresh asks a service for everything, if it is there at all: it is never
// started for this.
func (b *bus) refresh(ctx context.Context, s *service) {
	b.changes++
	s.valid, s.checked, s.state = false, time.Now(), nil
	s.fetched = s.checked
	if time.Since(b.hung) < patience {
		s.err, s.failed = errors.New("the system bus does not answer"), b.hung
		return
	}
	err := b.owned(ctx, s)
	switch {
	case err != nil:
		b.hung = time.Now()
		s.err = fmt.Errorf("the system bus does not answer: %w", err)
	case !s.alive:
		s.err, s.valid = newAbsentError(s.name), true
	default:
		ctx, cancel := context.WithTimeout(ctx, 5*b.deadline)
		defer cancel()
		s.state, s.err = s.fetch(ctx, b.conn)
		if s.valid = s.err == nil; !s.valid {
			s.err = fmt.Errorf("%s does not answer: %w", s.name, s.err)
		}
	}
	s.failed = time.Time{}
	if !s.valid {
		s.failed = time.Now()
	}
}

// owned asks the bus itself whether the service is there.
func (b *bus) owned(ctx context.Context, s *service) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	return b.conn.BusObject().CallWithContext(ctx, busDriver+".NameHasOwner", 0, s.name).Store(&s.alive)
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
	b.changes++
	s.valid, s.state, s.failed = false, nil, time.Now()
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

// watch wakes for one service's changes until ctx ends. What does not answer is
// asked again, ever more rarely up to once a minute; a bus that is not there is
// awaited by its socket.
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
	_, _ = b.get(ctx, name)
	for ctx.Err() == nil {
		if b.trouble(name) != nil {
			b.recover(ctx, name, wake)
			continue
		}
		select {
		case <-ctx.Done():
		case <-kick:
		}
	}
}

// trouble is why a service cannot be heard.
func (b *bus) trouble(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.addr == "-":
		return nil
	case b.conn == nil || !b.conn.Connected():
		return errNoBus
	}
	return b.services[name].trouble()
}

// recover waits until a service can be heard again, or is known not to be there,
// and wakes then.
func (b *bus) recover(ctx context.Context, name string, wake func()) {
	ctx, cancel := context.WithCancel(ctx)
	appeared := make(chan struct{}, 1)
	socket := startBoth(func() { b.awaitSocket(ctx, appeared) })
	defer socket.Wait()
	defer cancel()
	for pause := time.Second; b.trouble(name) != nil; pause = min(2*pause, time.Minute) {
		again := time.NewTimer(pause)
		if b.missing() { // only its socket can tell
			again.Stop()
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		case <-appeared:
			pause = time.Second / 8
			b.hurry()
		}
		again.Stop()
		if ctx.Err() != nil {
			return
		}
		_, _ = b.get(ctx, name)
	}
	wake()
}

// awaitSocket tells when the bus's socket is made.
func (b *bus) awaitSocket(ctx context.Context, appeared chan<- struct{}) {
	socket, ok := strings.CutPrefix(b.addr, "unix:path=")
	if !ok {
		return
	}
	socket, _, _ = strings.Cut(socket, ",")
	watchDir(ctx, path.Dir(socket), func() {
		select {
		case appeared <- struct{}{}:
		default:
		}
	})
}

// missing reports whether the last attempt found no socket.
func (b *bus) missing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Is(b.why, errNoBus)
}

// hurry forgets the last failure to connect, so that the next get tries at once.
func (b *bus) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil || !b.conn.Connected() {
		b.why = nil
	}
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
