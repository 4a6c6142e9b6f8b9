// Package facts knows what is true of this machine now, and tells when it
// changes: whether somebody uses it, what it runs on, how busy its disks are.
//
// A [Gatherer] takes Snapshots of wanted facts and watches for their changes.
// [Catalogue] describes every fact; the JSON Schema of policies' input is made
// from it.
//
// # Unknown is absent
//
// A fact that cannot be known, or that is stale, is absent from
// [Snapshot.Facts]; [Snapshot.Meta] says why. It is never zero or false in
// place of unknown. A fact may also be not applicable: no battery, no lid.
//
// # Presence
//
// presence.idle_seconds is the least over all sources that may see a person:
// input devices (only the time of their events is read), the access times of
// terminals, sessions and their idle hints taken back, agents of users, resume,
// boot. It never exceeds the true time since the last input on any of them. It
// is unknown when a source that should answer does not, when none could have
// seen anybody, and in a container. Watching input devices needs root; without
// it, a session's agent (package facts/agent) stands in.
//
// presence.busy lists reasons not to disturb. It is unknown where somebody should
// tell of them and does not: a graphical session's agent, the session manager of
// a machine with a screen, seats or a display server. A machine that has none of
// these has nobody to show anything to. What agents of users say who are not at
// the machine (their session is not the active one of a seat) is told apart,
// presence.agent_busy_seconds and presence.agent_held_seconds, so that a policy
// can limit it in time.
//
// # Containers and guests
//
// A container hides who uses the machine: that is unknown there. Its sysfs is the
// host's, power supplies included, so that without any AC power is assumed, as in
// a virtual machine; a sandbox that makes up a sysfs of its own tells nothing, and
// power is unknown. A program that embeds this package may gather from its host's
// root directory, mounted into the container, with Options.Live; the daemon does
// not, as what it would run there runs in the container.
//
// # Cost
//
// Only wanted facts open files. What is read often is kept open and read with
// pread; services on the bus are asked once and then listened to. Nothing
// ticks: [Gatherer.Watch] is woken by devices, inotify, netlink, D-Bus, pressure
// triggers and the clock.
//
// # Windows and macOS
//
// What Windows and macOS answer is judged by functions that are built and
// tested everywhere (sessions_wts.go, windows_answers.go, macos_answers.go);
// the questions are asked in files of the system's name. Nothing is watched
// there yet: changes are seen at the next look.
//
// On Windows presence is the least over all sessions, of which GetLastInputInfo
// tells lull's own and Terminal Services the others. A list that lacks lull's
// own session, and a session that does not tell its last input, make it unknown.
// A service (session 0) has no input and no screen of its own, so it never
// judges by them; what fills a user's screen is unknown to it. The Windows
// sources run under Wine in the gate, whose list of sessions is empty: presence
// from real sessions, disks below a volume and their counters, thermal zones and
// battery flags were tested with recorded forms of their answers only.
//
// On macOS IOKit is asked without cgo. Its files compile and are vetted in the
// gate, and were never run on a Mac; what they hand over is tested everywhere.
// Network facts have no source there.
//
// # Captured machines
//
// [Capture] writes a machine as a txtar archive, without names that people gave,
// [Extract] unpacks one, and Options.Root gathers from it; [LoadCaptured] does both. What no file answers
// is in captured.json.
package facts
