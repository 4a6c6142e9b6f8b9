package eligibility

# METADATA
# title: The kind of action is known
# description: lull knows seven kinds of action. Anything else is denied.
# custom: {clears_by: vendor, remedy: "Ask the vendor for an updater that uses lull's kinds of action."}
met contains "known_action" if {
	input.action.kind in {"scan", "download", "install", "uninstall", "prereboot", "restart", "complete"}
}

# METADATA
# title: It updates a user-mode component
# description: |
#   Applications, and system packages where the administrator lets this vendor touch them, which lull checks itself.
#   Firmware, BIOS and drivers never run. A scan and an uninstall concern no update.
# custom: {clears_by: vendor, remedy: "Drivers and firmware are not lull's to update; use the system's own tools."}
met contains "user_mode" if input.update.component in {"user_mode_app", "system_packages"}

met contains "user_mode" if input.action.kind in {"scan", "uninstall"}

# METADATA
# title: It is vouched for
# description: |
#   Signature, vendor scope, floors, dates and the stored bytes hold. In the first of the two decisions trust was
#   not asked yet. When only the clock is in doubt, this waits with clock_plausible instead of being denied.
# custom: {clears_by: vendor, remedy: "See the code that lull why shows; the vendor has to sign, or the administrator to admit the vendor."}
met contains "trusted" if input.trust.checked == false

met contains "trusted" if input.trust.verified == true

met contains "trusted" if input.trust.error_code == "clock_implausible"

# METADATA
# title: The clock can be right
# description: A clock that is earlier than what lull has already seen makes time-dependent trust wait.
# custom: {clears_by: admin, remedy: "Set the clock; lull looks again by itself."}
met contains "clock_plausible" if input.trust.checked == false

met contains "clock_plausible" if input.trust.verified == true

# METADATA
# title: It is not on hold
# description: An operator can hold an updater for a while or until further notice.
# custom: {clears_by: user, remedy: "lull unhold UPDATER"}
met contains "not_held" if input.control.hold == false

# METADATA
# title: It is not backing off after a failure
# description: After a failure an action waits longer each time.
# custom: {clears_by: time, remedy: "Wait, or lull retry UPDATER."}
met contains "retry_due" if input.control.retry_in_seconds == 0

# METADATA
# title: It is its turn
# description: |
#   Exclusive work runs alone, and a machine of each class carries only so many actions at once.
# custom: {clears_by: event, remedy: "Wait for what is running to finish."}
met contains "turn" if count(input.running) == 0

met contains "turn" if {
	input.action.exclusive == false
	count(input.running) < data.thresholds.running_count[device_class]
	every other in input.running {
		other.exclusive == false
	}
}
