package facts

import "time"

// logindState is what logind says, as far as facts need it.
type logindState struct {
	Sessions   []session   `json:"sessions"`
	Inhibitors []inhibitor `json:"inhibitors"`
	LidClosed  *bool       `json:"lid_closed,omitempty"` // nil = no lid known
	Sleeping   bool        `json:"sleeping,omitempty"`   // between PrepareForSleep true and false
}

// session is one logind session.
type session struct {
	ID     string `json:"id"`
	UID    uint32 `json:"uid"`
	Class  string `json:"class"` // user, user-early, greeter, lock-screen, background, manager
	Kind   string `json:"type"`  // x11, wayland, mir, tty, unspecified
	State  string `json:"state"` // active, online, closing
	Seat   string `json:"seat,omitempty"`
	Remote bool   `json:"remote,omitempty"`
	Locked bool   `json:"locked,omitempty"`
	Idle   bool   `json:"idle,omitempty"` // IdleHint; may veto, never prove
	Hints  bool   `json:"hints,omitempty"`

	Graphics bool `json:"graphics,omitempty"` // of type tty, and yet its terminal shows graphics

	began  time.Duration // boot time at which it began, at the latest; 0 = not known
	vt     uint32        // number of its virtual terminal; 0 = it has none
	hidden string        // why it is not known whether its terminal shows graphics
}

// person reports whether somebody sits behind s; greeters, managers and
// background services do not count, nor does what is being torn down.
func (s session) person() bool {
	return (s.Class == "user" || s.Class == "user-early" || s.Class == "user-light") && s.State != "closing"
}

func (s session) graphical() bool {
	return s.Kind == "x11" || s.Kind == "wayland" || s.Kind == "mir" || s.Graphics
}

// inhibitor is one logind inhibitor.
type inhibitor struct {
	What string `json:"what"` // colon separated: idle, sleep, shutdown, handle-lid-switch, …
	Who  string `json:"who"`
	Why  string `json:"why,omitempty"`
	Mode string `json:"mode"` // block, block-weak, delay
	PID  uint32 `json:"-"`
}

// networkState is what NetworkManager says.
type networkState struct {
	Metered      *uint32 `json:"metered,omitempty"`      // NMMetered: 0 unknown, 1 yes, 2 no, 3 guess yes, 4 guess no
	Connectivity *uint32 `json:"connectivity,omitempty"` // NMConnectivityState: 0 unknown, 1 none, 2 portal, 3 limited, 4 full
	State        *uint32 `json:"state,omitempty"`        // NMState: 70 connected globally
}
