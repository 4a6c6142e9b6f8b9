package eligibility

# METADATA
# title: The machine has been up for a while
# description: Right after a boot people want their machine for themselves.
# custom: {clears_by: time, remedy: "Wait a few minutes."}
met contains "settled" if input.facts.host.uptime_seconds >= boot_pause_seconds

met contains "settled" if input.control.approved == true

boot_pause_seconds := data.thresholds.after_boot_seconds[device_class]

# METADATA
# title: The machine did not just wake up
# description: Right after sleep the network and the user come back.
# custom: {clears_by: time, remedy: "Wait a minute."}
met contains "resumed" if input.facts.host.since_resume_seconds >= data.thresholds.after_resume_seconds

# It never slept since boot.
met contains "resumed" if input.meta["host.since_resume_seconds"].state == "not_applicable"

met contains "resumed" if input.control.approved == true

# METADATA
# title: No package manager is at work
# description: dpkg, apt, rpm, pacman or zypper holds no lock.
# custom: {clears_by: event, remedy: "Let the package manager finish."}
met contains "packages_free" if input.facts.packages.locked == false

# The machine has no package manager.
met contains "packages_free" if input.meta["packages.locked"].state == "not_applicable"

# METADATA
# title: Class of the machine
# description: >-
#   constrained: few cores and a rotating disk; limited: one of the two;
#   standard: neither. What is not known counts as the worse.
device_class := "standard" if {
	input.facts.storage.rotational == false
	input.facts.cpu.cores > data.thresholds.few_cores_count
} else := "limited" if {
	input.facts.storage.rotational == false
} else := "limited" if {
	input.facts.cpu.cores > data.thresholds.few_cores_count
} else := "constrained"
