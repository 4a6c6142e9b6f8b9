package facts

// BusyReasons are the values presence.busy may hold.
func BusyReasons() []string {
	return []string{busyCall, busyDisplay, busyFullscreen, busyGame, busyPresentation}
}

const (
	busyCall         = "call"
	busyDisplay      = "display_inhibited"
	busyFullscreen   = "fullscreen"
	busyGame         = "game"
	busyPresentation = "presentation"
)

var (
	idleSeconds = declare(seconds("presence.idle_seconds",
		"Time since anybody last used this machine: the least over all sources (input devices, terminals, sessions, agents, resume, boot). Unknown when a source that should answer does not, and in a container.", desktopOSes))
	systemIdleSeconds = declare(seconds("presence.system_idle_seconds",
		"presence.idle_seconds without what the agents of users report who are not at the machine (whose session is not the active one of a seat), so that one user's agent can be overruled after a time that policy sets.", desktopOSes))
	agentHeldSeconds = declare(seconds("presence.agent_held_seconds",
		"For how long agents of users who are not at the machine have said without a break of half an hour that it is in use, or have not answered; 0 when they do not.", linuxOnly))
	locked = declare(cost(costBus, boolean("presence.locked",
		"Every local graphical session is locked. Not applicable without one.", desktopOSes)))
	busy = declare(cost(costBus, Desc{ID: "presence.busy", Type: List, Enum: BusyReasons(), MaxAge: lasting, Platforms: desktopOSes,
		Help: "Reasons not to disturb although nobody types: call, display_inhibited (a film), fullscreen, game, presentation. Empty when there is none; unknown while a graphical session has no agent that answers."}))
	busySeconds = declare(cost(costBus, seconds("presence.busy_seconds",
		"Age of the newest of the busy reasons, so that an inhibitor that was never released can be overruled. Not applicable when nothing is busy.", desktopOSes)))
	agentBusySeconds = declare(cost(costBus, seconds("presence.agent_busy_seconds",
		"For how long agents of users who are not at the machine have alone given reasons not to disturb, or not answered, without a break of half an hour; 0 when they do not, or others give reasons too.", linuxOnly)))
	sessions = declare(cost(costBus, count("presence.sessions",
		"Sessions of people: local and remote, not greeters, services or managers.", desktopOSes)))
	remoteSessions = declare(cost(costBus, count("presence.remote_sessions",
		"Sessions of people that come over the network: ssh, remote desktop.", desktopOSes)))
	graphicalSessions = declare(cost(costBus, count("presence.graphical_sessions",
		"Sessions of people with a graphical display.", linuxOnly)))
	terminals = declare(count("presence.terminals",
		"Pseudo terminals that are open now.", linuxOnly))
)
