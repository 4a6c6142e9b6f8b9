// Package agent is the small program that runs in each user's session and
// tells lull when that user last touched keyboard or mouse, where only the
// session itself knows: X11, Wayland (ext-idle-notify) and GNOME's Mutter. It
// reports nothing but times and reasons not to disturb, about nobody but its own
// user, and can only make its user look more present: lull takes the least over
// all sources.
//
// Reasons not to disturb are a full-screen window in front (X11), inhibitors of
// the screen saver (GNOME, MATE, Cinnamon, KDE) and games (GameMode), each with
// the time for which the agent has seen it hold.
//
// It first names its session. Then lull writes "ask N" and the agent answers
// with one line of JSON, a [facts.AgentMessage]; unasked it says only, and at
// once, that its user came back or that a source came or went. Nothing ticks:
// the display server itself tells of the return, and only of a return after
// some time without input, so that somebody who types wakes nobody.
package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/lullhq/lull/facts"
)

// Options of Run.
type Options struct {
	Socket   string        // where lull listens; required
	Display  string        // X11 display; default $DISPLAY, "-" = none
	Wayland  string        // Wayland display; default $WAYLAND_DISPLAY, "-" = none
	Bus      string        // session bus; default $DBUS_SESSION_BUS_ADDRESS, "-" = none
	Session  string        // logind's name of this session; default $XDG_SESSION_ID
	Away     time.Duration // without input for so long, the next one is announced; default 30s
	Deadline time.Duration // for all sources together, when asked; default 80ms
	Logger   *slog.Logger  // default discards
}

// Run reports until ctx ends. While lull cannot be reached it tries again,
// ever more rarely up to once a minute; so it does with a display server that
// is gone. Without anything in this session to ask it fails at once.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	if o.Display == "" && o.Wayland == "" && o.Bus == "" {
		return errors.New("this session has nothing that tells idle time; set DISPLAY, WAYLAND_DISPLAY or DBUS_SESSION_BUS_ADDRESS")
	}
	a := &agent{o: o, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	var kept sync.WaitGroup
	for _, open := range []opener{openX11, openWayland, openMutter, openDesktop} {
		k := &keeper{open: open, err: errOpening}
		a.sources = append(a.sources, k)
		kept.Go(func() { k.run(ctx, &a.o, a.announce) })
	}
	defer kept.Wait()
	defer cancel()
	a.connect(ctx)
	return nil
}

func (o *Options) setDefaults() {
	for v, name := range map[*string]string{&o.Display: "DISPLAY", &o.Wayland: "WAYLAND_DISPLAY", &o.Bus: "DBUS_SESSION_BUS_ADDRESS", &o.Session: "XDG_SESSION_ID"} {
		if *v == "" {
			*v = os.Getenv(name)
		}
		if *v == "-" {
			*v = ""
		}
	}
	if o.Away == 0 {
		o.Away = 30 * time.Second
	}
	if o.Deadline == 0 {
		o.Deadline = 80 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

type agent struct {
	o       Options
	sources []*keeper
	news    chan struct{} // holds one while there is something to announce

	since map[string]time.Time // when each reason not to disturb was first seen to hold
}

// announce has lull ask again.
func (a *agent) announce() {
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// connect reaches lull again and again until ctx ends.
func (a *agent) connect(ctx context.Context) {
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		began := time.Now()
		err := a.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		a.o.Logger.Info("lull cannot be reached, trying again", "socket", a.o.Socket, "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// serve answers lull's questions until the connection or ctx ends.
func (a *agent) serve(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", a.o.Socket)
	if err != nil {
		return err
	}
	w := &lineWriter{conn: conn}
	if err := w.write(facts.AgentMessage{Session: a.o.Session, Returned: true}); err != nil {
		return err
	}
	ended, end := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer end()
	helpers.Go(func() { a.tell(ended, w) })
	helpers.Go(func() {
		<-ended.Done()
		if ctx.Err() != nil {
			_ = w.write(facts.AgentMessage{LoggedOut: true})
		}
		conn.Close()
	})
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var n uint64
		if _, err := fmt.Sscanf(lines.Text(), "ask %d", &n); err != nil {
			continue
		}
		m := a.answer(ctx)
		m.Answers = n
		if err := w.write(m); err != nil {
			return err
		}
	}
	return lines.Err()
}

// burst is how many announcements need not wait for the one before.
const burst = 4

// tell writes what is to be announced, after a burst once a second at most.
func (a *agent) tell(ctx context.Context, w *lineWriter) {
	credit, at := burst, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.news:
		}
		if w.write(facts.AgentMessage{Returned: true}) != nil {
			return
		}
		passed := time.Since(at) / time.Second
		credit, at = min(burst, credit+int(passed))-1, at.Add(passed*time.Second)
		if credit > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// lineWriter keeps the lines of several goroutines whole.
type lineWriter struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *lineWriter) write(m facts.AgentMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	return json.NewEncoder(w.conn).Encode(m)
}

// answer is the least over the session's sources; one that is expected and
// fails makes the whole answer an error. An X server beside a Wayland
// compositor sees only some of the input, so alone it proves nothing.
func (a *agent) answer(ctx context.Context) facts.AgentMessage {
	ctx, cancel := context.WithTimeout(ctx, a.o.Deadline)
	defer cancel()
	least, proof := time.Duration(-1), false
	var reasons []string
	for _, r := range a.askAll(ctx) {
		if errors.Is(r.err, errAbsent) {
			r.err = nil
		} else if r.err == nil {
			if least < 0 || r.idle < least {
				least = r.idle
			}
			proof = proof || a.o.Wayland == "" || !r.partial
		}
		if err := errors.Join(r.err, r.busyErr); err != nil {
			why := strings.ToValidUTF8(err.Error(), "?")
			return facts.AgentMessage{Error: why[:min(len(why), 150)]}
		}
		reasons = append(reasons, r.busy...)
	}
	if !proof {
		return facts.AgentMessage{Error: "nothing in this session tells when its user last touched it"}
	}
	return facts.AgentMessage{IdleSeconds: max(0, least).Seconds(), Busy: a.ages(reasons)}
}

// ages tells for how long each reason has been seen to hold.
func (a *agent) ages(reasons []string) map[string]float64 {
	since, ages := map[string]time.Time{}, map[string]float64{}
	for _, reason := range reasons {
		at, ok := a.since[reason]
		if !ok {
			at = time.Now()
		}
		since[reason], ages[reason] = at, time.Since(at).Seconds()
	}
	a.since = since
	return ages
}
