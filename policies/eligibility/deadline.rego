# An update's deadline is in the input only where the administrator lets its
# vendor set one, and counts only while the clock can be believed.
package eligibility

deadline_near if {
	input.clock.trusted == true
	input.update.deadline_in_seconds < data.thresholds.deadline_window_seconds
}

# The idle time needed falls in a straight line from the start of the window
# to the deadline, where it is idle_least, below which it never falls.
idle_relaxed := idle_needed - (relief_rate * (data.thresholds.deadline_window_seconds - input.update.deadline_in_seconds))

relief_rate := (idle_needed * data.thresholds.deadline_relief_ratio) / data.thresholds.deadline_window_seconds

idle_least := max([
	min([idle_needed, data.thresholds.deadline_least_idle_seconds]),
	idle_needed * (1 - data.thresholds.deadline_relief_ratio),
])

# Soft conditions, those about comfort, are waived by the user's approval, and
# when an update is over its deadline and its grace, for what can be paused.
waived if input.control.approved == true

waived if overdue

overdue if {
	input.action.kind in {"download", "install", "uninstall", "complete"}
	input.action.pausable == true
	input.clock.trusted == true
	late := 0 - input.update.grace_seconds
	input.update.deadline_in_seconds <= late
}
