package eligibility

# METADATA
# title: No program forbids shutting down
# description: A program holds no inhibitor against a shutdown.
# custom: {clears_by: event, remedy: "Let the program finish; systemd-inhibit --list names it."}
met contains "shutdown_allowed" if input.facts.inhibitors.shutdown == false

# METADATA
# title: It is a time for restarts
# description: >-
#   The day and the time of day are those the thresholds allow, by a clock
#   that can be believed.
# custom: {clears_by: time, remedy: "Wait for the window, or change restart_start_minute_of_day and restart_end_minute_of_day."}
met contains "in_window" if {
	input.action.kind == "restart"
	in_restart_window == true
}

in_restart_window if {
	data.thresholds.restart_start_minute_of_day <= data.thresholds.restart_end_minute_of_day
	input.clock.trusted == true
	data.thresholds.restart_weekdays[input.clock.weekday] == true
	input.clock.minute_of_day >= data.thresholds.restart_start_minute_of_day
	input.clock.minute_of_day < data.thresholds.restart_end_minute_of_day
}

in_restart_window if {
	data.thresholds.restart_start_minute_of_day > data.thresholds.restart_end_minute_of_day
	input.clock.trusted == true
	data.thresholds.restart_weekdays[input.clock.weekday] == true
	input.clock.minute_of_day >= data.thresholds.restart_start_minute_of_day
}

in_restart_window if {
	data.thresholds.restart_start_minute_of_day > data.thresholds.restart_end_minute_of_day
	input.clock.trusted == true
	data.thresholds.restart_weekdays[input.clock.weekday] == true
	input.clock.minute_of_day >= 0
	input.clock.minute_of_day < data.thresholds.restart_end_minute_of_day
}
