package eligibility

# METADATA
# title: The user is away
# description: >-
#   Nobody used the machine for as long as this kind of action needs on this
#   class of machine; less where all sessions are locked or a deadline is near.
# custom: {clears_by: time, remedy: "Leave the machine alone for a while, or: lull approve UPDATER"}
met contains "user_away" if input.facts.presence.idle_seconds >= idle_needed

met contains "user_away" if idle_needed == 0

met contains "user_away" if {
	input.facts.presence.locked == true
	input.facts.presence.idle_seconds >= data.thresholds.idle_when_locked_seconds
	not_restarting == true
}

met contains "user_away" if {
	input.update.deadline_in_seconds < data.thresholds.deadline_window_seconds
	input.clock.trusted == true
	input.facts.presence.idle_seconds >= data.thresholds.deadline_least_idle_seconds
	input.facts.presence.idle_seconds >= idle_at_deadline
	input.facts.presence.idle_seconds >= idle_relaxed
}

met contains "user_away" if {
	not_restarting == true
	input.facts.presence.agent_held_seconds >= data.thresholds.agent_hold_seconds
	input.facts.presence.system_idle_seconds >= idle_needed
}

met contains "user_away" if input.control.approved == true

met contains "user_away" if overdue == true

# METADATA
# title: Nobody is in a call, a film, a presentation or a game
# description: >-
#   Without a key being touched somebody may still look or listen. What has gone
#   on for busy_forgotten_seconds counts as forgotten, whoever uses the machine
#   meanwhile; what only agents of users elsewhere say holds for
#   agent_hold_seconds, and a restart without limit.
# custom: {clears_by: event, remedy: "End the call, film, presentation or game, or: lull approve UPDATER"}
met contains "not_busy" if input.facts.presence.busy == []

met contains "not_busy" if input.facts.presence.busy_seconds >= data.thresholds.busy_forgotten_seconds

met contains "not_busy" if {
	input.action.kind in {"scan", "download", "install", "uninstall", "prereboot", "complete"}
	input.facts.presence.agent_busy_seconds >= data.thresholds.agent_hold_seconds
}

met contains "not_busy" if input.control.approved == true

met contains "not_busy" if overdue == true

# METADATA
# title: Nobody is logged in from elsewhere
# description: A restart would cut off remote sessions.
# custom: {clears_by: event, remedy: "End the remote sessions."}
met contains "no_remote_sessions" if input.facts.presence.remote_sessions == 0

# A restart closes what a user left open, so it waits for longer absence.
not_restarting if input.action.kind in {"scan", "download", "install", "uninstall", "prereboot", "complete"}

idle_needed := data.thresholds.idle_seconds[input.action.kind][device_class]
