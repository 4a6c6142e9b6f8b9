// Package agent is the small program that runs in each user's session and
// tells lull when that user last touched keyboard or mouse, where only the
// session itself knows: X11 and GNOME's Mutter. It reports nothing but times and
// reasons not to disturb, about nobody but its own user, and can only make its
// user look more present: lull takes the least over all sources.
//
// It speaks first when it is asked: lull writes "ask", the agent answers with
// one line of JSON, a [facts.AgentMessage].
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
	"time"

	"github.com/lullhq/lull/facts"
)

// Options of Run.
type Options struct {
	Socket  string       // where lull listens; required
	Display string       // X11 display; default $DISPLAY
	Bus     string       // session bus; default $DBUS_SESSION_BUS_ADDRESS
	Logger  *slog.Logger // default discards
}

// source is one way to learn the session's idle time.
type source interface {
	name() string
	idle(ctx context.Context) (time.Duration, error)
	close()
}

// Run reports until ctx ends. While lull cannot be reached it tries again,
// ever more rarely up to once a minute. Without any source in this session it
// fails at once.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	sources := openSources(o)
	if len(sources) == 0 {
		return errors.New("this session has no source of idle time that lull knows (X11, GNOME); set DISPLAY or DBUS_SESSION_BUS_ADDRESS")
	}
	defer func() {
		for _, s := range sources {
			s.close()
		}
	}()
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		began := time.Now()
		err := serve(ctx, o.Socket, sources)
		if ctx.Err() != nil {
			return nil
		}
		o.Logger.Info("lost lull, trying again", "error", err, "pause", pause)
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (o *Options) setDefaults() {
	if o.Display == "" {
		o.Display = os.Getenv("DISPLAY")
	}
	if o.Bus == "" {
		o.Bus = os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// openSources opens what answers in this session.
func openSources(o Options) []source {
	var out []source
	for _, open := range []func(Options) (source, error){openX11, openMutter} {
		s, err := open(o)
		if err != nil {
			o.Logger.Debug("no such source", "error", err)
			continue
		}
		out = append(out, s)
	}
	return out
}

// serve answers lull's questions until the connection or ctx ends.
func serve(ctx context.Context, socket string, sources []source) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = json.NewEncoder(conn).Encode(facts.AgentMessage{LoggedOut: true})
		conn.Close()
	})
	defer stop()
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if lines.Text() != "ask" {
			continue
		}
		if err := json.NewEncoder(conn).Encode(answer(ctx, sources)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// answer is the least over the session's sources; one that fails makes the
// whole answer an error.
func answer(ctx context.Context, sources []source) facts.AgentMessage {
	ctx, cancel := context.WithTimeout(ctx, 80*time.Millisecond)
	defer cancel()
	least := time.Duration(-1)
	for _, s := range sources {
		idle, err := s.idle(ctx)
		if err != nil {
			return facts.AgentMessage{Error: fmt.Sprintf("%s: %.150s", s.name(), err)}
		}
		if least < 0 || idle < least {
			least = idle
		}
	}
	return facts.AgentMessage{IdleSeconds: max(0, least).Seconds()}
}
