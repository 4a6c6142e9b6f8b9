package agent

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// desktop asks the session's services what inhibits its screen saver and
// whether GameMode has clients. It knows nothing of idle time. None of the
// services is started for this.
type desktop struct{ conn *dbus.Conn }

// question is one call whose answer, if not zero, is a reason.
type question struct {
	reason, name string
	path         dbus.ObjectPath
	method       string
	args         []any
}

// GNOME's flag 8 is "inhibit the session being marked as idle"
// (org.gnome.SessionManager), which MATE and Cinnamon share; KDE's policy 4 is
// ChangeScreenSettings (org.kde.Solid.PowerManagement.PolicyAgent).
var questions = []question{
	{"display_inhibited", "org.gnome.SessionManager", "/org/gnome/SessionManager", "org.gnome.SessionManager.IsInhibited", []any{uint32(8)}},
	{"display_inhibited", "org.mate.SessionManager", "/org/gnome/SessionManager", "org.gnome.SessionManager.IsInhibited", []any{uint32(8)}},
	{"display_inhibited", "org.kde.Solid.PowerManagement.PolicyAgent", "/org/kde/Solid/PowerManagement/PolicyAgent", "org.kde.Solid.PowerManagement.PolicyAgent.HasInhibition", []any{uint32(4)}},
	{"game", "com.feralinteractive.GameMode", "/com/feralinteractive/GameMode", "org.freedesktop.DBus.Properties.Get", []any{"com.feralinteractive.GameMode", "ClientCount"}},
}

func openDesktop(ctx context.Context, o *Options, _ func()) (source, error) {
	if o.Bus == "" {
		return nil, errAbsent
	}
	conn, err := within(ctx, func() (*dbus.Conn, error) { return dbus.Connect(o.Bus) }, func(c *dbus.Conn) { c.Close() })
	if err != nil {
		return nil, err
	}
	return &desktop{conn}, nil
}

func (*desktop) name() string                                { return "the session bus" }
func (*desktop) partial() bool                               { return true }
func (d *desktop) lost() <-chan struct{}                     { return d.conn.Context().Done() }
func (*desktop) idle(context.Context) (time.Duration, error) { return 0, errAbsent }
func (d *desktop) close()                                    { d.conn.Close() }

// busy puts all questions at once.
func (d *desktop) busy(ctx context.Context) ([]string, error) {
	calls := make([]*dbus.Call, len(questions))
	for i, q := range questions {
		calls[i] = d.conn.Object(q.name, q.path).GoWithContext(ctx, q.method, dbus.FlagNoAutoStart, nil, q.args...)
	}
	var reasons []string
	for i, call := range calls {
		select {
		case <-call.Done:
		case <-ctx.Done():
			return nil, errors.New(questions[i].name + " does not answer")
		}
		switch {
		case notThere(call.Err):
		case call.Err != nil:
			return nil, call.Err
		case holds(call.Body):
			reasons = append(reasons, questions[i].reason)
		}
	}
	return reasons, nil
}

// notThere tells a service that does not exist here, or is another of the same
// name, from one that fails.
func notThere(err error) bool {
	var refused dbus.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch strings.TrimPrefix(refused.Name, "org.freedesktop.DBus.Error.") {
	case "ServiceUnknown", "NameHasNoOwner", "UnknownMethod", "UnknownObject", "UnknownInterface", "UnknownProperty":
		return true
	}
	return false
}

// holds reports whether an answer is true or a number other than zero. What is
// of another type, or less than no clients, says nothing that lull knows, and
// counts as a reason.
func holds(body []any) bool {
	if len(body) != 1 {
		return true
	}
	v := body[0]
	if variant, ok := v.(dbus.Variant); ok {
		v = variant.Value()
	}
	return v != false && v != int32(0) && v != uint32(0)
}
