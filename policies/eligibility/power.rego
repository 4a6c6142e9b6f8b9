package eligibility

# METADATA
# title: The machine is on AC power
# description: Heavy work never drains a battery, unless the user approved it and the charge is high.
# custom: {clears_by: event, remedy: "Plug in the power supply."}
met contains "on_ac" if input.facts.power.on_ac == true

met contains "on_ac" if {
	input.control.approved == true
	input.facts.power.battery_percent >= data.thresholds.battery_approved_percent
}

# METADATA
# title: There is power enough
# description: The machine is on AC power, or the battery holds enough for light work.
# custom: {clears_by: event, remedy: "Plug in the power supply."}
met contains "battery_enough" if input.facts.power.on_ac == true

met contains "battery_enough" if {
	input.facts.power.battery_percent >= data.thresholds.battery_percent[input.action.kind]
}

# METADATA
# title: Nobody asked to save energy
# description: Power saving is off; on AC power it does not matter.
# custom: {clears_by: user, remedy: "Turn power saving off, or plug in the power supply."}
met contains "saver_off" if input.facts.power.saver == false

met contains "saver_off" if input.facts.power.on_ac == true

met contains "saver_off" if input.control.approved == true
