package eligibility

# METADATA
# title: The user is away
# description: |
#   Nobody has touched the machine for as long as the class of the machine and the kind of action ask. The need
#   relaxes as a deadline comes near; past deadline and grace, work that can be paused may run beside the user.
# custom: {clears_by: time, remedy: "Leave the machine alone for a while, or lull approve UPDATER."}
met contains "user_away" if input.facts.presence.idle_seconds >= idle_needed

met contains "user_away" if idle_needed == 0

met contains "user_away" if input.control.approved == true

met contains "user_away" if {
	overdue
	input.action.pausable == true
	input.action.kind in {"download", "install", "uninstall"}
}

# METADATA
# title: The user is not busy
# description: No call, no full-screen program, no presentation, no game, and nobody keeps the display on.
# custom: {clears_by: event, remedy: "End the call or the full-screen program, or lull approve UPDATER."}
met contains "not_busy" if count(input.facts.presence.busy) == 0

met contains "not_busy" if input.control.approved == true

# METADATA
# title: Nobody works from afar
# description: No remote session of a person is open.
# custom: {clears_by: event, remedy: "Log out of the remote sessions."}
met contains "no_remote_user" if input.facts.presence.remote_sessions == 0

# How long the user must be away: the base of kind and class, less what the deadline takes off, never below the
# floor unless the base itself is.
idle_needed := idle_base if idle_base <= data.thresholds.relax.floor_seconds

idle_needed := max([
	data.thresholds.relax.floor_seconds,
	idle_base * (1 - (data.thresholds.relax.most_ratio * pressure)),
]) if {
	idle_base > data.thresholds.relax.floor_seconds
}

idle_base := data.thresholds.idle_seconds[input.action.kind][device_class]

# How near the deadline is: 0 far away or without one, 1 at the deadline.
default pressure := 0

pressure := 1 if input.update.deadline_in_seconds <= 0

pressure := (data.thresholds.relax.window_seconds - input.update.deadline_in_seconds) / data.thresholds.relax.window_seconds if {
	input.update.deadline_in_seconds > 0
	input.update.deadline_in_seconds < data.thresholds.relax.window_seconds
}

overdue if input.update.deadline_in_seconds <= 0 - input.update.grace_seconds
