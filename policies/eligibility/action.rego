package eligibility

# METADATA
# title: The kind of action is known
# description: lull has requirements for this kind of action.
# custom: {clears_by: admin, remedy: "Name the kind under wait_unless in the requirements, or unregister the updater."}
met contains "known_action" if known_kind == true

known_kind if {
	input.action.kind in {"scan", "download", "install", "uninstall", "prereboot", "restart", "complete"}
	is_object(data.requirements.wait_unless[input.action.kind])
}

# METADATA
# title: Nobody put it on hold
# description: Neither a user nor the administrator holds this updater back.
# custom: {clears_by: user, remedy: "lull unhold UPDATER"}
met contains "not_held" if input.control.hold == false

# METADATA
# title: The pause after a failure is over
# description: A failed action is tried again later, each time after a longer pause.
# custom: {clears_by: time, remedy: "Wait, or: lull retry UPDATER"}
met contains "retry" if input.control.retry_in_seconds == 0

# METADATA
# title: Nothing that must be alone is in the way
# description: An exclusive action runs alone, and nothing starts beside one.
# custom: {clears_by: event, remedy: "Wait for the running action to end."}
met contains "exclusive" if input.running == []

met contains "exclusive" if {
	input.action.exclusive == false
	every other in input.running {
		other.exclusive == false
	}
}

# METADATA
# title: No other heavy action is running
# description: Installing, uninstalling and preparing a restart take turns.
# custom: {clears_by: event, remedy: "Wait for the running action to end."}
met contains "turn" if {
	every other in input.running {
		other.kind in {"scan", "download", "complete"}
	}
}

# METADATA
# title: No action is running
# description: A restart would cut off whatever lull is doing.
# custom: {clears_by: event, remedy: "Wait for the running actions to end."}
met contains "nothing_running" if input.running == []
