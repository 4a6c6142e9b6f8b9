package eligibility

# METADATA
# title: Nobody works in the office
# description: Installs stay out of the working day, which ends at 18:00.
# custom: {clears_by: time, remedy: "Wait until the evening or the weekend."}
met contains "office_closed" if {
	input.clock.trusted == true
	input.clock.minute_of_day >= 1080
}

met contains "office_closed" if {
	input.clock.trusted == true
	input.clock.weekday in {"Saturday", "Sunday"}
}

# Security updates do not wait for the evening.
met contains "office_closed" if input.update.security == true
