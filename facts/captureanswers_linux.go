package facts

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// answers asks the kernel and the services what no file tells, and says it
// without names. Of a captured machine it repeats what its capture says.
func (c *capturer) answers(ctx context.Context) *captured {
	from := c.root.captured
	if from == nil {
		from = c.ask(ctx)
	}
	out := &captured{
		Volumes: map[string]volumeSpace{}, InputIdle: from.InputIdle, TerminalIdle: map[string]int64{}, Logind: c.logind(from.Logind), Network: from.Network,
		Agents: c.agents(from.Agents), DisplayServer: from.DisplayServer,
		UPS:     words("charging", "discharging")(from.UPS),
		Profile: wordsOr("other", "power-saver", "balanced", "performance")(from.Profile), PackageLocked: from.PackageLocked,
	}
	for _, point := range slices.Sorted(maps.Keys(from.Volumes)) {
		out.Volumes[c.names.path(point)] = from.Volumes[point]
	}
	for _, name := range slices.Sorted(maps.Keys(from.TerminalIdle)) {
		out.TerminalIdle[c.names.known(terminalName, "terminal", name, "/dev/ttyS99")] = from.TerminalIdle[name]
	}
	for _, source := range mayBeSilent {
		if from.silent(source) {
			out.Silent = append(out.Silent, source)
		}
	}
	return out
}

// mayBeSilent are the sources whose silence differs from their absence.
var mayBeSilent = []string{logindName, managerName, upowerName, supplyDir, ptsDir}

// logind repeats what it said, without people: their numbers, what they named
// their sessions and seats, and why they inhibit what.
func (c *capturer) logind(from *logindState) *logindState {
	if from == nil {
		return nil
	}
	out := &logindState{Sessions: []session{}, Inhibitors: []inhibitor{}, LidClosed: from.LidClosed, Sleeping: from.Sleeping}
	for _, s := range from.Sessions {
		as := session{
			ID: c.names.session(s.ID), UID: c.names.user(s.UID),
			Class: wordsOr("other", "user", "user-early", "user-light", "greeter", "lock-screen", "background", "manager")(s.Class),
			Kind:  wordsOr("other", "x11", "wayland", "mir", "tty", "web", "unspecified")(s.Kind), State: wordsOr("other", "online", "active", "closing")(s.State),
			Remote: s.Remote, Locked: s.Locked, Idle: s.Idle, Hints: s.Hints, Graphics: s.Graphics || s.hidden != "",
		}
		if s.Seat != "" {
			as.Seat = c.names.known(seatName, "seat", s.Seat, "seat1")
		}
		out.Sessions = append(out.Sessions, as)
	}
	for _, i := range from.Inhibitors {
		as := inhibitor{What: inhibited(i.What), Who: c.names.program(i.Who), Mode: wordsOr("other", "block", "block-weak", "delay")(i.Mode)}
		if as.Mode == "other" && hasPrefix(i.Mode, "block") {
			as.Mode = "block"
		}
		out.Inhibitors = append(out.Inhibitors, as)
	}
	return out
}

// agents repeats the reasons that they gave.
func (c *capturer) agents(from map[string][]string) map[string][]string {
	out := map[string][]string{}
	for _, session := range slices.Sorted(maps.Keys(from)) {
		out[c.names.session(session)] = slices.DeleteFunc(slices.Clone(from[session]), func(r string) bool { return !slices.Contains(BusyReasons(), r) })
	}
	return out
}

// inhibited keeps what logind knows to be inhibited.
func inhibited(what string) string {
	known := strings.Split(what, ":")
	return strings.Join(slices.DeleteFunc(known, func(w string) bool {
		return !slices.Contains([]string{
			"shutdown", "sleep", "idle", "handle-power-key", "handle-suspend-key", "handle-hibernate-key", "handle-lid-switch", "handle-reboot-key",
		}, w)
	}), ":")
}

// ask asks this machine.
func (c *capturer) ask(ctx context.Context) *captured {
	o := &Options{}
	o.setDefaults()
	b := newBus(c.root, o)
	defer b.close()
	var err error
	out := &captured{Volumes: c.volumes(o.Deadline)}
	if out.TerminalIdle, err = terminalIdle(c.root, time.Now()); err != nil {
		out.Silent = append(out.Silent, ptsDir)
	}
	if out.Logind, err = b.logind(ctx); err != nil && !absent(err) {
		out.Silent = append(out.Silent, logindName)
	}
	out.Logind = (&presenceCollector{root: c.root}).withGraphics(out.Logind)
	if out.Network, err = b.network(ctx); err != nil && !absent(err) {
		out.Silent = append(out.Silent, managerName)
	}
	if _, err := c.root.readDir(supplyDir); err != nil {
		out.Silent = append(out.Silent, supplyDir)
	}
	out.Profile, _ = b.profile(ctx)
	ups, err := b.supplies(ctx)
	if err != nil && !absent(err) {
		out.Silent = append(out.Silent, upowerName)
	}
	out.UPS = upsOfAll(ups)
	out.InputIdle = inputIdle(c.root)
	out.DisplayServer = (&presenceCollector{root: c.root}).hasDisplayServer()
	g, err := New(Options{SystemBus: "-"})
	if err != nil {
		return out
	}
	defer g.Close()
	if v := g.Snapshot(ctx, Set{"packages.locked": true}, Target{}).Get("packages.locked"); v.State == Known {
		held := v.V == true
		out.PackageLocked = &held
	}
	return out
}

// volumes asks every mounted volume for its size.
func (c *capturer) volumes(deadline time.Duration) map[string]volumeSpace {
	out := map[string]volumeSpace{}
	for _, m := range parseMountinfo(readAll(c.root, "/proc/self/mountinfo")) {
		if networked(m.kind) { // even opening it may hang
			continue
		}
		v := &volume{mount: m, fd: -1}
		if fd, err := c.root.open(m.point, unix.O_PATH); err == nil {
			v.fd = fd
		}
		if st, err := v.statfs(deadline); err == nil && st.Blocks > 0 {
			out[m.point] = volumeSpace{int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize}
		}
		v.close()
	}
	return out
}

// terminalIdle is the time since the last input on each terminal, as
// terminalWatch would date it.
func terminalIdle(r *root, now time.Time) (map[string]int64, error) {
	p := &presenceCollector{root: r}
	names, err := p.ptsNames()
	out := map[string]int64{}
	for _, name := range append(names, p.consoles()...) {
		var st unix.Stat_t
		if unix.Stat(name, &st) == nil {
			out[name] = int64(max(0, now.Sub(time.Unix(st.Atim.Unix()))-ttyStep) / time.Second)
		}
	}
	return out, err
}

// inputIdle is what watching the input devices from now on says: nil when
// there are none or they cannot be opened.
func inputIdle(r *root) *int64 {
	w := newInputWatch(r)
	defer w.close()
	report := w.report(sinceBoot(), 0)
	if report.answer != answered {
		return nil
	}
	idle := int64(report.idle / time.Second)
	return &idle
}
