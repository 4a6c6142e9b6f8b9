package eligibility

# METADATA
# title: Somebody known vouches for it
# description: >-
#   Signature, vendor, scope, versions and bytes are verified. In the first of
#   the two decisions trust is not asked yet; the last one, before the start,
#   needs its yes. A clock that cannot be believed is a reason to wait.
# custom: {clears_by: vendor, remedy: "See why with: lull why UPDATER; then update the package, its vendor file or its keys."}
met contains "trusted" if input.trust.checked == false

met contains "trusted" if verified == true

met contains "trusted" if input.trust.error_code == "clock_implausible"

# METADATA
# title: Trust could be judged
# description: Expiry and validity need a believable clock; until there is one, nothing starts.
# custom: {clears_by: time, remedy: "Set the clock, or let it be synchronised."}
met contains "clock_plausible" if input.trust.checked == false

met contains "clock_plausible" if verified == true

# METADATA
# title: It updates applications only
# description: >-
#   The component is a user-mode application, or system packages where the
#   vendor's scope allows them. Drivers, firmware and BIOS are never updated.
# custom: {clears_by: admin, remedy: "Use another tool for drivers and firmware."}
met contains "user_mode" if input.update.component == "user_mode_app"

met contains "user_mode" if {
	input.update.component == "system_packages"
	input.trust.checked == false
}

met contains "user_mode" if {
	input.update.component == "system_packages"
	verified == true
}

# Scans and uninstalls are about no update; the package says what it is for.
met contains "user_mode" if {
	input.trust.checked == false
	about_no_update == true
}

met contains "user_mode" if {
	about_no_update == true
	input.trust.package.component in {"user_mode_app", "system_packages"}
	verified == true
}

verified if {
	input.trust.checked == true
	input.trust.verified == true
}

about_no_update if input.action.kind in {"scan", "uninstall"}
