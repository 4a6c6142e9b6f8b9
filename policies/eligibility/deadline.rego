# An update's deadline is in the input only where the administrator lets its
# vendor set one, and counts only while the clock can be believed.
package eligibility

# The idle time needed falls in a straight line from the start of the window
# to the deadline, and no further.
idle_relaxed := idle_needed - ((idle_relief * (data.thresholds.deadline_window_seconds - input.update.deadline_in_seconds)) / data.thresholds.deadline_window_seconds)

idle_at_deadline := idle_needed - idle_relief

idle_relief := idle_needed * data.thresholds.deadline_relief_ratio

# Over its deadline and its grace, an update that can be paused no longer waits
# for the conditions about comfort. Preparing a restart and restarting do.
overdue if {
	input.update.deadline_in_seconds + input.update.grace_seconds <= 0
	input.action.pausable == true
	input.clock.trusted == true
	input.action.kind in {"download", "install", "uninstall", "complete"}
}
